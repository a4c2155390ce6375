"What the package offers is annotated, and mypy finds the annotations right; exits with 1 if not: typed.py [WORD_OF_A_MODULE...]"
import ast
import subprocess
import sys

from patched import ROOT, is_patch, parsed

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

def bare(words):
    "A line for each function or method that lacks an annotation"
    return [f'{module}.{name}: expected annotations, found none of {", ".join(found)}' for module,tree in parsed()
            if not words or any(w in module for w in words)
            for name,fn,bound in offered(tree) if (found:=lacks(fn, bound))]

def main(words):
    found = bare(words)
    for line in found: print(line)
    wrong = subprocess.run([sys.executable, '-m', 'mypy'], cwd=ROOT).returncode
    return int(bool(found) or bool(wrong))

if __name__=='__main__': sys.exit(main(sys.argv[1:]))
