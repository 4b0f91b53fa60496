"""How a test is carried out: each procedure reads like the standard's text."""
