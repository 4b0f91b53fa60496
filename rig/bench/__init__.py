"""Opens and closes everything on a bench: the one place where definitions, drivers, links and simulation meet."""
