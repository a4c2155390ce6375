"Stubs of the modules for the checkers and editors of those who use the package: patched methods stand in their classes there"
import ast
from copy import deepcopy
from pathlib import Path

from patches import classes_of, homes, is_patch, names_set, own_names, parsed

ELLIPSIS = ast.Expr(ast.Constant(...))

def without_body(fn):
    "A function's signature and its docstring, its defaults left open"
    fn = deepcopy(fn)
    a = fn.args
    a.defaults,a.kw_defaults = [ast.Constant(...)]*len(a.defaults),[d and ast.Constant(...) for d in a.kw_defaults]
    fn.body = fn.body[:1] if ast.get_docstring(fn) else [ELLIPSIS]
    return fn

def of_any_type(name): return ast.parse(f'{name}: Any').body[0]

def as_property(name): return ast.parse(f'@property\ndef {name}(self) -> Any: ...').body[0]

def is_literal(node):
    try: return ast.literal_eval(node) is not None
    except ValueError: return False

def assigned(node, kept):
    "An assignment, with its value if that is plain or makes a type"
    if isinstance(node, ast.AnnAssign):
        value = node.value if ast.unparse(node.annotation)=='TypeAlias' else node.value and ast.Constant(...)
        return [ast.AnnAssign(node.target, node.annotation, value, node.simple)]
    names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    if len(names)==1 and (is_literal(node.value) or names[0] in kept): return [node]
    return [of_any_type(n) for n in names if not n.startswith('__')]

def as_method(fn, at_home):
    "A patched function as a method; one that another module patches in takes anything"
    decorators = {ast.unparse(k) for d in fn.decorator_list for k in getattr(d, 'keywords', ())}
    fn = without_body(fn)
    fn.decorator_list = [d for d in fn.decorator_list if getattr(getattr(d, 'func', d), 'id', None)!='patch']
    if 'as_prop=True' in decorators: fn.decorator_list.insert(0, ast.Name('property'))
    if 'cls_method=True' in decorators: fn.decorator_list.insert(0, ast.Name('classmethod'))
    if not at_home:
        anything = ast.parse('def f(self, *args: Any, **kw: Any) -> Any: ...').body[0]
        fn.args,fn.returns = anything.args,anything.returns
    fn.args.args[0].annotation = None
    return fn

def patches():
    "Full name of a class -> the functions patched into it, each with its module"
    found = {}
    for name,tree in parsed():
        home = homes(name, tree)
        for fn in tree.body:
            if not isinstance(fn, ast.FunctionDef) or not is_patch(fn): continue
            for cls in classes_of(fn):
                if cls in home: found.setdefault(home[cls], []).append((fn, name))
    return found

def class_stub(cls, name, patched):
    "A class with what is patched into it, and its attributes"
    body,own = [],own_names(cls)
    for n in cls.body:
        if isinstance(n, ast.FunctionDef): body.append(without_body(n))
        elif isinstance(n, (ast.Assign, ast.AnnAssign)): body += assigned(n, ())
        elif isinstance(n, ast.Expr): body.append(n)
        elif isinstance(n, ast.If) and ast.unparse(n.test)=='TYPE_CHECKING': body += n.body
    defined = {n.name for n in cls.body if isinstance(n, ast.FunctionDef)} | {n.target.id for n in body if isinstance(n, ast.AnnAssign)}
    methods = {fn.name:as_method(fn, module==name) for fn,module in patched}
    sets = names_set(cls, 'self').union(*(names_set(fn, fn.args.args[0].arg) for fn,_ in patched))
    plain = {t.id for n in body if isinstance(n, ast.Assign) for t in n.targets}
    attribute = as_property if cls.decorator_list else of_any_type # it would be a field of a dataclass
    body += [attribute(a) for a in sorted(sets-defined-plain-methods.keys())] + [m for k,m in methods.items() if k not in own]
    return ast.ClassDef(cls.name, cls.bases, cls.keywords, body or [ELLIPSIS], cls.decorator_list, type_params=[])

def stub(name, tree, patched):
    "The stub of a module as text"
    kept = {'__all__'} | {n.id for f in ast.walk(tree) for a in (getattr(f, 'annotation', None), getattr(f, 'returns', None))
                          if a for n in ast.walk(a) if isinstance(n, ast.Name)} | {'PathLike', 'Extractor', '__version__'}
    body = [ast.parse('from typing import Any').body[0]]
    for n in tree.body:
        if isinstance(n, ast.FunctionDef): body += [] if is_patch(n) else [without_body(n)]
        elif isinstance(n, ast.ClassDef): body.append(class_stub(n, name, patched.get(f'{name}.{n.name}', [])))
        elif isinstance(n, (ast.Assign, ast.AnnAssign)):
            if not any(isinstance(t, ast.Attribute) for t in getattr(n, 'targets', ())): body += assigned(n, kept)
        elif isinstance(n, (ast.Import, ast.ImportFrom)) or isinstance(n, ast.If) and ast.unparse(n.test)=='TYPE_CHECKING': body.append(n)
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))+'\n'

def write_stubs(root):
    "Write a stub beside each module of a copy of the package, which is in `root`"
    patched = patches()
    for name,tree in parsed():
        if name.endswith('_modidx'): continue
        path = Path(root, *name.split('.')).with_suffix('.pyi')
        path.write_text(stub(name, tree, patched), encoding='utf-8')
