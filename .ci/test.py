"All checks of the project, or those named, one after another; exits with 1 if any failed"
import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import readme

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

def run(*cmd, **env):
    "Whether a command succeeds, run from the project's root"
    return subprocess.run([str(c) for c in cmd], cwd=ROOT, env={**os.environ, **env}).returncode==0

def told(problems):
    "Print the problems; whether there are none"
    for p in problems: print(p)
    return not problems

def exported():
    "Clean and export leave the notebooks and the modules as they are"
    files = lambda: {p:p.read_bytes() for d,s in (('nbs','*.ipynb'),('asl_nb','*.py')) for p in (ROOT/d).rglob(s)}
    before = files()
    done = run(BIN/'nbdev_clean') and run(BIN/'nbdev_export')
    after = files()
    changed = [p for p in before.keys()|after.keys() if before.get(p)!=after.get(p)]
    return told([f'{p.relative_to(ROOT)} changed: commit what nbdev_clean and nbdev_export give' for p in changed]) and done

def readme_rendered():
    "README.md, CONTRIBUTING.md and the map of notebooks follow the notebooks, and their links lead somewhere"
    return told(readme.outdated())

def house():
    "CITATION.cff, CHANGELOG.md and settings.ini name one version; notebooks open on Colab and Kaggle"
    read = lambda name: (ROOT/name).read_text(encoding='utf-8')
    version = next(l.split('=')[1].strip() for l in read('settings.ini').splitlines() if l.startswith('version'))
    said = {'CITATION.cff':f'version: {version}\n', 'CHANGELOG.md':f'## {version}'}
    return told([f'{n}: expected version {version}' for n,words in said.items() if words not in read(n)]) and run(sys.executable, '.ci/badges.py', '--check')

def types():
    "What the package offers is annotated, and mypy finds no fault in it"
    return run(sys.executable, '.ci/typed.py')

TRAIN = 'metrics callbacks trainer lightning_trainer hparam_search calibration few_shot learn export.score'.split()
RECOGNIZE = 'pretrained predict stream drawing window predict_on_video predict_on_camera widget record demo web hub export.onnx_file export.tflite_file export.submission'.split()
BRANCH = {**dict.fromkeys(TRAIN, 'train'), **dict.fromkeys(RECOGNIZE, 'recognize')} # the rest is trunk

def imports(path):
    "What a module imports from this package: module, names, whether at its top"
    package,tree = ('asl_nb', *path.relative_to(ROOT/'asl_nb').parent.parts),ast.parse(path.read_text(encoding='utf-8'))
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom): continue
        parent = package[:len(package)+1-node.level] if node.level else ()
        found = '.'.join([*parent, *filter(None, [node.module])])
        if found.startswith('asl_nb'): yield found[len('asl_nb.'):],[a.name for a in node.names],node in tree.body

def layout():
    "What trains and what recognizes do not import each other, the trunk imports neither, private names stay at home"
    wrong = []
    for path in sorted((ROOT/'asl_nb').rglob('*.py')):
        module = '.'.join(path.relative_to(ROOT/'asl_nb').with_suffix('').parts)
        for found,names,at_top in imports(path):
            lent = (module, found)==('models.core', 'metrics') and not at_top # what calculate_accuracy and others call
            across = found in BRANCH and BRANCH[found]!=BRANCH.get(module)
            if across and module!='cli' and not lent: wrong.append(f'{module}: imports {found} of another branch')
            wrong += [f'{module}: imports the private {n} of {found}' for n in names if n.startswith('_') and not n.endswith('__')]
    return told(wrong)

LIGHT = '''cli exported web hub export.graph export.onnx_file export.tflite_file export.submission export.score config landmarks data.raw data.eda data.cleaning data.preprocess data.store data.dataset augmentations
    visualizations models.registry models.checkpoint pretrained predict stream predict_on_video predict_on_camera
    widget record video holistic data.formats clip drawing window'''
HEAVY = 'torch tensorflow mediapipe cv2 lightning ray mlflow matplotlib'
FOR_TABLES = 'pandas scipy torchmetrics sklearn' # no clip needs them to be recognized

def loads_none(modules, unwanted):
    "Whether importing modules of the package leaves the unwanted ones alone"
    code = '; '.join(f'import asl_nb.{m}' for m in modules.split())
    code += f'; import sys; sys.exit(", ".join(set({unwanted.split()}) & set(sys.modules)) or 0)'
    print(f'{modules.split()[-1]}: ', end='', flush=True)
    return run(sys.executable, '-c', code) and not print('ok')

def light():
    "Importing what needs no framework loads none, and recognizing a clip loads no library for tables and statistics"
    return all([loads_none('cli', 'numpy yaml'), loads_none(LIGHT, HEAVY),
                loads_none('data.formats clip predict', f'{HEAVY} {FOR_TABLES} av pose_format'), loads_none('models.core', FOR_TABLES)])

def docs():
    "The notebooks become a site whose links, anchors, pictures and names are there, and nbdev can process them for Quarto"
    return run(sys.executable, '.ci/site.py') and run(sys.executable, '-c', 'from nbdev.serve import proc_nbs; proc_nbs()')

def benchmarks():
    "The benchmarks run, and both loaders give the same distribution"
    few,both = ('--models','LSTM*','Hand*'),('--frameworks','pytorch','tensorflow')
    return all([run(sys.executable, '-W', 'ignore', f'benchmarks/{script}.py', '--check', *more)
                for script,more in (('data',()), ('models',()), ('models',(*few[:2], *both)), ('accuracy',few),
                                ('pretrained',()), ('empty_frames',()), ('inference',()), ('labels',()), ('stream',()),
                                ('recipe',('--only','no b*','a class*','kernel*','GISLR*')), ('wlasl',()), ('extract',()), ('backbone',()),
                                ('few_shot',('--folds','1')), ('export',()), ('fullsize',()), ('scale',()), ('results',()))])

KERAS,SEARCH = '(3[0-79]_keras_|43_|48_|72_|73_|74_|90_|competition|frameworks)','(50_|52_|cluster_search)' # notebooks that load TensorFlow, or Ray

def files():
    "The files of the project, without those of git, of the environment and of Python"
    found,own = set(),{'.git','.venv','__pycache__','.ipynb_checkpoints','.hypothesis'}
    for folder,folders,names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in own]
        found |= {os.path.relpath(os.path.join(folder, n), ROOT) for n in names}
    return found

def run_notebooks(n_workers, *which):
    "Whether the cells of some notebooks run and leave no file behind"
    before,quiet = files(),dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1') # more threads than cores slow each other down
    done = run(BIN/'nbdev_test', '--n_workers', n_workers, '--timing', *which, **quiet)
    return told([f'{f}: left behind by a notebook' for f in sorted(files()-before)]) and done

def notebooks():
    "Every cell of every notebook runs, except those of Keras and of Ray"
    return run_notebooks(2, '--skip_file_re', f'^([_.]|{KERAS}|{SEARCH})')

def keras():
    "Every cell of the notebooks that load TensorFlow runs, in processes of their own"
    return run_notebooks(2, '--file_re', f'^{KERAS}')

def search():
    "Every cell of the notebooks that start Ray runs, each in a process of its own"
    paths = [p for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if re.match(SEARCH, p.name)]
    return all([run_notebooks(0, '--path', p) for p in paths])

CHECKS = exported,readme_rendered,house,layout,light,types,docs,benchmarks,notebooks,keras,search

def main(names):
    results,known = {},{check.__name__:check for check in CHECKS}
    unknown = ', '.join(set(names)-known.keys())
    if unknown: sys.exit(f'expected names among {", ".join(known)}, found {unknown}')
    for check in [known[n] for n in names] or CHECKS:
        print(f'== {check.__doc__}', flush=True)
        start = time.monotonic()
        results[check.__name__] = check()
        print(f'-- {check.__name__}: {time.monotonic()-start:.0f} s', flush=True)
    failed = [n for n,ok in results.items() if not ok]
    if failed: print('failed:', ', '.join(failed))
    print(f'{len(results)-len(failed)} passed, {len(failed)} failed')
    return int(bool(failed))

if __name__=='__main__': sys.exit(main(sys.argv[1:]))
