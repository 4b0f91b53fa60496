"""The Acme P40 implantable pump on an infusion rig."""
