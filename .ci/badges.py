"""Let every notebook with code open on Colab and Kaggle: links below its title, and a hidden cell that installs the package there

`badges.py` puts both into the notebooks, `badges.py --check` names the notebooks that lack them. Another folder of notebooks may follow."""
import hashlib
import re
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat
from test import KERAS,SEARCH

ROOT = Path(__file__).parent.parent
EXTRAS = {'tf':'keras|tensorflow|keras_models', 'lightning':'lightning|lightning_trainer', 'tune':'ray|mlflow|hparam_search',
          'pose':'pose_format', 'export':r'onnx|ai_edge_litert|export\.\w+', 'hub':'huggingface_hub|hub'} # extra -> modules that need it
BY_NAME = {'tf':f'^{KERAS}', 'tune':f'^{SEARCH}'} # extra -> names of notebooks that load it otherwise
EVERYTHING = 'walk_packages|import_module' # loads modules by name
PACKAGES = {'hypothesis':'hypothesis', 'skimage':'scikit-image'} # module -> package of the tests
BESIDE = re.compile(r"""'(results|original|images)\b|\.\./settings\.ini""") # files of the repository that a notebook reads
BADGE = '[![Open in Colab]('
INSTALL = '# on Colab and Kaggle:'

def address():
    "The repository's, as settings.ini says"
    cfg = ConfigParser(interpolation=None)
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    ini = cfg['DEFAULT']
    return f"https://github.com/{ini['user']}/{ini['repo']}",ini['branch'],ini['lib_name']

def badges(place):
    "The links that open a notebook, given its place in the repository"
    home,branch,_ = address()
    there = f'{home}/blob/{branch}/{place}'
    colab = there.replace('https://github.com/', 'https://colab.research.google.com/github/')
    return (f'{BADGE}https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n'
            f'[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src={there})')

def imports(module, code):
    "Whether code imports a module, or one of this package"
    return re.search(rf'^\s*(from|import) (asl_nb\.)?({module})\b', code, re.M)

def needs(extra, code, name):
    "Whether a notebook needs an extra of the package"
    by_name = extra in BY_NAME and re.search(BY_NAME[extra], name)
    return bool(by_name or imports(EXTRAS[extra], code) or re.search(EVERYTHING, code))

def install_cell(code, place):
    "What installs the package where a notebook of the repository shall run"
    home,_,lib = address()
    extras = ','.join(e for e in EXTRAS if needs(e, code, place.name))
    more = ''.join(f' {p}' for m,p in PACKAGES.items() if imports(m, code))
    lines = ['#| hide', '#| eval: false', f'{INSTALL} installs the package with what this notebook needs', 'import os',
             "if {'COLAB_RELEASE_TAG','KAGGLE_KERNEL_RUN_TYPE'} & {*os.environ}:",
             f"    %pip install -q '{lib}{f'[{extras}]' if extras else ''} @ git+{home}'{more}"]
    if BESIDE.search(code): lines += [f'    !git clone -q --depth 1 {home}', f"    %cd {home.rpartition('/')[2]}/{place.parent.as_posix()}"]
    return '\n'.join(lines)

def wanted(nb, place):
    "The cells of a notebook with links and install cell after its first cell; as they are if it has no code"
    ours = lambda c: c.source.startswith(BADGE) or INSTALL in c.source
    kept = [c for c in nb.cells if not ours(c)]
    code = '\n'.join(c.source for c in kept if c.cell_type=='code')
    if not re.search(r'^[^#\s]', code, re.M): return kept
    made = [nbformat.v4.new_markdown_cell(badges(place)),
            nbformat.v4.new_code_cell(install_cell(code, Path(place)))]
    for kind,cell in zip(('badges','install'), made): cell.id = hashlib.sha1(f'{kind} {place}'.encode()).hexdigest()[:8]
    return [*kept[:1], *made, *kept[1:]]

def notebooks(folder):
    "The notebooks that people open: the numbered ones, the guide and the tutorials"
    return sorted(p for pattern in ('[0-9]*.ipynb', 'guide/*.ipynb', 'tutorials/*.ipynb') for p in folder.glob(pattern))

def main(argv):
    check,(folder,) = '--check' in argv,[a for a in argv if a!='--check'] or [ROOT/'nbs']
    lacking = []
    for path in notebooks(Path(folder)):
        nb,place = nbformat.read(path, as_version=4),f'nbs/{path.relative_to(folder).as_posix()}'
        cells = wanted(nb, place)
        if cells==nb.cells: continue
        lacking.append(place)
        nb.cells = cells
        if not check: nbformat.write(nb, path)
    for place in lacking: print(f'{place}: {"lacks its links or install cell: run python .ci/badges.py" if check else "changed"}')
    return int(check and bool(lacking))

if __name__=='__main__': sys.exit(main(sys.argv[1:]))
