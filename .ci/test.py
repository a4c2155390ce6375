"All checks of the project, one after another; exits with 1 if any failed"
import subprocess
import sys
from pathlib import Path

import readme

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

def run(*cmd):
    "Whether a command succeeds, run from the project's root"
    return subprocess.run([str(c) for c in cmd], cwd=ROOT).returncode==0

def exported():
    "Clean and export leave the notebooks and the modules as they are"
    files = lambda: {p:p.read_bytes() for d,s in (('nbs','*.ipynb'),('asl_nb','*.py')) for p in (ROOT/d).rglob(s)}
    before = files()
    done = run(BIN/'nbdev_clean') and run(BIN/'nbdev_export')
    after = files()
    changed = [p for p in before.keys()|after.keys() if before.get(p)!=after.get(p)]
    for p in changed: print(f'{p.relative_to(ROOT)} changed: commit what nbdev_clean and nbdev_export give')
    return done and not changed

def readme_rendered():
    "README.md is the rendering of nbs/index.ipynb"
    same = (ROOT/'README.md').read_text(encoding='utf-8')==readme.rendered()
    if not same: print('README.md differs from nbs/index.ipynb: run make readme')
    return same

def light():
    "Importing what recognition from parquet needs loads no framework and no mediapipe"
    modules = ('cli config landmarks data.raw data.eda data.cleaning data.preprocess data.store data.dataset augmentations '
               'visualizations models.registry models.checkpoint pretrained predict stream predict_on_video predict_on_camera '
               'widget video holistic clip drawing window')
    imports = '; '.join(f'import asl_nb.{m}' for m in modules.split())
    heavy = "{'torch','tensorflow','mediapipe','cv2','lightning','ray','mlflow','matplotlib'}"
    return run(sys.executable, '-c', f'{imports}; import sys; sys.exit(", ".join({heavy} & set(sys.modules)) or 0)')

def docs():
    "The notebooks can be made into pages"
    return run(sys.executable, '-c', 'from nbdev.serve import proc_nbs; proc_nbs()')

def benchmarks():
    "The benchmarks run, and both loaders give the same distribution"
    few,both = ('--models','LSTM*','Conv*'),('--frameworks','pytorch','tensorflow')
    return all([run(sys.executable, '-W', 'ignore', f'benchmarks/{script}.py', '--check', *more)
                for script,more in (('data',()), ('models',()), ('models',(*few[:2], *both)), ('accuracy',few),
                                ('pretrained',()), ('inference',()))])

KERAS,SEARCH = '(3[0-7]_keras_|43_)','50_' # notebooks whose every cell needs TensorFlow, or Ray

def notebooks():
    "Every cell of every notebook runs, but for Keras's and the search's"
    return run(BIN/'nbdev_test', '--n_workers', 2, '--timing', '--skip_file_re', f'^([_.]|{KERAS}|{SEARCH})')

def keras():
    "Every cell of the Keras notebooks runs, in processes of their own"
    return run(BIN/'nbdev_test', '--n_workers', 2, '--timing', '--file_re', f'^{KERAS}')

def search():
    "Every cell of the search's notebook runs, in a process of its own"
    return run(BIN/'nbdev_test', '--n_workers', 0, '--timing', '--file_re', f'^{SEARCH}')

def main():
    results = {}
    for check in (exported, readme_rendered, light, docs, benchmarks, notebooks, keras, search):
        print(f'== {check.__doc__}', flush=True)
        results[check.__name__] = check()
    failed = [n for n,ok in results.items() if not ok]
    if failed: print('failed:', ', '.join(failed))
    print(f'{len(results)-len(failed)} passed, {len(failed)} failed')
    return int(bool(failed))

if __name__=='__main__': sys.exit(main())
