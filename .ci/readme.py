"Render README.md from nbs/index.ipynb"
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parent.parent

def rendered():
    "The text of README.md"
    nb = nbformat.read(ROOT/'nbs'/'index.ipynb', as_version=4)
    nb.metadata['language_info'] = {'name':'python'} # for the code fences
    nb.cells = [c for c in nb.cells if not re.search(r'^#\|\s*(hide|default_exp)', c.source, re.M)]
    for c in nb.cells: c.source = re.sub(r'^#\|.*\n?', '', c.source, flags=re.M) if c.cell_type=='code' else c.source
    text,_ = MarkdownExporter().from_notebook_node(nb)
    text = text.replace('](images/', '](nbs/images/').replace('src="images/', 'src="nbs/images/')
    text = re.sub(r'\]\((\w[\w.]*\.ipynb)', r'](nbs/\1', text)
    return re.sub(r'\n{3,}', '\n\n', text).strip()+'\n'

if __name__=='__main__': (ROOT/'README.md').write_text(rendered(), encoding='utf-8')
