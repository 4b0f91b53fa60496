"""Pure numbers: arrays and settings in, numbers out. No file, no clock, no instrument."""
