"A plugin of mypy, which does not see what a module adds to classes by functions marked @patch and by `Class.name = ...`"
import sys
from functools import partial
from pathlib import Path

from mypy.nodes import MDEF, SymbolTableNode, Var
from mypy.plugin import Plugin
from mypy.types import AnyType, TypeOfAny

sys.path.append(str(Path(__file__).parent))
from patches import additions

def add(names, context):
    "Let a class have names of any type"
    info = context.cls.info
    for name in names:
        var = Var(name, AnyType(TypeOfAny.explicit))
        var.info,var._fullname = info,f'{info.fullname}.{name}'
        info.names.setdefault(name, SymbolTableNode(MDEF, var))

class Patched(Plugin):
    "Gives classes what patches add to them"
    def __init__(self, options):
        super().__init__(options)
        self.added = additions()

    def get_customize_class_mro_hook(self, fullname):
        return partial(add, self.added[fullname]) if fullname in self.added else None

    def report_config_data(self, context): # if it is another one, mypy checks the module anew
        return {cls:names for cls,names in self.added.items() if cls.rpartition('.')[0]==context.id}

def plugin(version): return Patched
