"What the modules of the package add to classes, by functions marked @patch and by `Class.name = ...`"
import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

def is_patch(fn):
    "Whether a function is marked @patch or @patch(...)"
    return any(getattr(getattr(d, 'func', d), 'id', None)=='patch' for d in fn.decorator_list)

def classes_of(fn):
    "The names of the classes that a patch is for: self:A or self:A|B"
    return [n.id for n in ast.walk(fn.args.args[0].annotation) if isinstance(n, ast.Name)]

def names_set(node, of):
    "The attributes of `of` that code sets"
    return {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
            and isinstance(n.value, ast.Name) and n.value.id==of}

def own_names(cls):
    "The names that a class defines in its own body, and sets in its methods"
    return {n.name for n in cls.body if isinstance(n, ast.FunctionDef)} | names_set(cls, 'self') | \
        {n.id for s in cls.body if isinstance(s, (ast.Assign, ast.AnnAssign)) for n in ast.walk(s) if isinstance(n, ast.Name)}

def parsed():
    "The modules of the package by name"
    for path in sorted((ROOT/'asl_nb').rglob('*.py')):
        yield '.'.join(path.relative_to(ROOT).with_suffix('').parts),ast.parse(path.read_text(encoding='utf-8'))

def homes(name, tree):
    "Where the classes that a module names are from: name -> full name"
    package = name.split('.')[:-1]
    found = {n.name:f'{name}.{n.name}' for n in tree.body if isinstance(n, ast.ClassDef)}
    for n in tree.body:
        if not isinstance(n, ast.ImportFrom): continue
        parent = package[:len(package)+1-n.level] if n.level else []
        found |= {a.asname or a.name:'.'.join([*parent, n.module, a.name]) for a in n.names if n.module}
    return found

def additions():
    "Full name of a class -> the names that patches add to it"
    added,own = {},{}
    for name,tree in parsed():
        home = homes(name, tree)
        own |= {f'{name}.{n.name}':own_names(n) for n in tree.body if isinstance(n, ast.ClassDef)}
        found = [(cls, {fn.name} | names_set(fn, fn.args.args[0].arg))
                 for fn in tree.body if isinstance(fn, ast.FunctionDef) and is_patch(fn) for cls in classes_of(fn)]
        found += [(cls, names) for n in tree.body if isinstance(n, ast.Assign) for cls in home if (names:=names_set(n, cls))]
        for cls,names in found:
            if cls in home: added.setdefault(home[cls], set()).update(names)
    return {cls:sorted(names-own.get(cls, set())) for cls,names in added.items()}
