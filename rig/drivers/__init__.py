"""One file a device family: the host's end of each wire protocol."""
