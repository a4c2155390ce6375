"What the package offers is annotated, and mypy finds the annotations right, also of those who use them; exits with 1 if not"
import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from patches import ROOT, is_patch, parsed
from stubs import write_stubs

def parameters(fn, bound):
    "The parameters of a function, without `self`"
    a = fn.args
    return [*(a.posonlyargs+a.args)[bound:], *filter(None, [a.vararg]), *a.kwonlyargs, *filter(None, [a.kwarg])]

def lacks(fn, bound):
    "What a function does not annotate"
    found = [p.arg for p in parameters(fn, bound) if p.annotation is None]
    return found+['return']*(fn.returns is None and fn.name!='__init__')

def is_static(fn): return any(getattr(d, 'id', None)=='staticmethod' for d in fn.decorator_list)

def offered(tree):
    "The public functions and methods of a module, those that are patched in too: name, function, whether it is a method"
    public = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id=='__all__'), ())
    functions = lambda body: [n for n in body if isinstance(n, ast.FunctionDef)]
    for fn in functions(tree.body):
        if is_patch(fn) and fn.name[0]!='_' or fn.name in public: yield fn.name,fn,is_patch(fn)
    for cls in tree.body:
        if not isinstance(cls, ast.ClassDef) or cls.name not in public: continue
        for fn in functions(cls.body):
            if fn.name[0]!='_' or fn.name=='__init__': yield f'{cls.name}.{fn.name}',fn,not is_static(fn)

def bare():
    "A line for each function or method that lacks an annotation"
    return [f'{module}.{name}: expected annotations, found none of {", ".join(found)}' for module,tree in parsed()
            for name,fn,bound in offered(tree) if (found:=lacks(fn, bound))]

def mypy(*args, stdout=None, **env):
    "Whether mypy finds nothing"
    return subprocess.run([sys.executable, '-m', 'mypy', *args], cwd=ROOT, stdout=stdout, env={**os.environ, **env}).returncode==0

USE = """from asl_nb.clip import Clip
from asl_nb.predict import Recognizer

def sign(path: str) -> str:
    return Recognizer.from_pretrained('everyday-11').predict(Clip.read(path)).sign
"""

def stubs_help():
    "Whether the stubs of a wheel know methods that are patched in, and only those"
    with tempfile.TemporaryDirectory() as d:
        for folder in [ROOT/'asl_nb', *(p for p in (ROOT/'asl_nb').rglob('*') if p.is_dir())]:
            (Path(d)/folder.relative_to(ROOT)).mkdir(parents=True, exist_ok=True)
        write_stubs(d)
        check = lambda text, **kw: mypy('--config-file=', '--ignore-missing-imports', '-c', text, MYPYPATH=d, PYTHONPATH='', **kw)
        return check(USE) and not check(USE.replace('predict(', 'predikt('), stdout=subprocess.DEVNULL)

def main():
    found = bare()
    for line in found: print(line)
    return int(not all([not found, mypy(), stubs_help()]))

if __name__=='__main__': sys.exit(main())
