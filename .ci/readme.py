"Put the table of notebooks into nbs/index.ipynb, and render README.md from it"
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parent.parent
INDEX = ROOT/'nbs'/'index.ipynb'
HEADER = '| Notebook | What it gives |\n|---|---|'
GROUPS = {'00':'Settings, landmarks and data', '19':'Models', '30':'The same models in Keras',
          '38':'The recommended model', '40':'Training',
          '59':'Recognizing', '70':'Exported files', '75':'Demo, page and widget', '80':'Around them'} # from which number on

def notebook_table():
    "The table of all notebooks, by the second line of each"
    lines = []
    for path in sorted(ROOT.glob('nbs/[0-9]*.ipynb')):
        first = next(c for c in nbformat.read(path, as_version=4).cells if c.cell_type=='markdown').source
        group = max(n for n in GROUPS if n<=path.name)
        if f'| **{GROUPS[group]}** | |' not in lines: lines.append(f'| **{GROUPS[group]}** | |')
        lines.append(f'| [{path.stem}]({path.name}) | {re.search("^> (.+)", first, re.M)[1]} |')
    return '\n'.join([HEADER, *lines])

def index_with_table():
    "index.ipynb with the table as the notebooks are now"
    nb = nbformat.read(INDEX, as_version=4)
    next(c for c in nb.cells if c.source.startswith(HEADER)).source = notebook_table()
    return nb

def rendered(nb):
    "The text of README.md"
    nb.metadata['language_info'] = {'name':'python'} # for the code fences
    nb.cells = [c for c in nb.cells if not re.search(r'^#\|\s*(hide|default_exp)', c.source, re.M)]
    for c in nb.cells: c.source = re.sub(r'^#\|.*\n?', '', c.source, flags=re.M) if c.cell_type=='code' else c.source
    text,_ = MarkdownExporter().from_notebook_node(nb)
    text = text.replace('](images/', '](nbs/images/').replace('src="images/', 'src="nbs/images/')
    text = re.sub(r'\]\((\w[\w.]*\.ipynb)', r'](nbs/\1', text)
    return re.sub(r'\n{3,}', '\n\n', text).strip()+'\n'

def main():
    nb = index_with_table()
    nbformat.write(nb, INDEX)
    (ROOT/'README.md').write_text(rendered(nb), encoding='utf-8')

if __name__=='__main__': main()
