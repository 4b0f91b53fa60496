"""The main path: a session on a bench, in it one run a plan, in it cases on all units at once."""
