"""The live page (``rig watch``): what the record of a run says while it grows, in a browser or a terminal.

One way through the room: :mod:`tail` reads a growing journal; :mod:`standing` makes of its records where the run
stands, :mod:`channels` and :mod:`curve` what is drawn; :mod:`watched_run` holds them together for one run folder;
:mod:`live` looks after all folders and tells whoever listens: pages (:mod:`server`, :mod:`page_connection`),
:mod:`terminal`, :mod:`notices`. :mod:`gate` and :mod:`people` decide who is let in.
The messages: docs/decisions/0024-live-page.md.

Nothing here opens an instrument or writes into a run folder.
"""
