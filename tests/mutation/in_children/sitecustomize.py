"""First thing in a process that a test starts: where a mutant is tried, it has the mutant too.

Stands alone, since nothing of the tests can be imported there. ``RIG_MUTANT`` names a file of JSON with the module's
name, its own path and the mutated source.
"""

import importlib.util
import json
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path


class Mutated(SourceFileLoader):
    """Loads one module from other source than its file has."""

    def __init__(self, name, path, source):
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname):
        return compile(self.source, self.path, "exec")


class Finder:
    """Finds that one module, before the others are asked."""

    def __init__(self, name, path, source):
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=Mutated(fullname, self.path, self.source)
        )


if "RIG_MUTANT" in os.environ:
    sys.meta_path.insert(0, Finder(**json.loads(Path(os.environ["RIG_MUTANT"]).read_text("utf-8"))))
