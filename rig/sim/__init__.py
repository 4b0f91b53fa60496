"""The simulated bench: devices that answer real wire bytes and share one fluid world.

``build`` makes it from a bench file, ``place`` says where one instrument stands in it. The folders, top to bottom:
``served`` (ports of this machine), ``set_up`` (each instrument as the bench file says), the instruments themselves
(``implantable``, ``bench_pumps``, ``balances``, ``flow_meters``, ``auxiliaries``), ``fluid``, ``wire``.
"""
