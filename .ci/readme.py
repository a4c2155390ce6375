"Put the tables of all notebooks into nbs/guide/notebooks.ipynb, and render README.md and CONTRIBUTING.md from their notebooks"
import re
from pathlib import Path
from posixpath import dirname, join, relpath

import nbformat
import yaml
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parent.parent
PAGES = {'README.md':'nbs/index.ipynb', 'CONTRIBUTING.md':'nbs/guide/contributing.ipynb'} # file -> its notebook
MAP = 'nbs/guide/notebooks.ipynb'
HEADER = '| Notebook | What it gives |\n|---|---|'
LINK = re.compile(r'(\]\(|src=")(?!\w+:|[#/])([^)"\s#]+)') # relative, without its anchor

def read(notebook): return nbformat.read(ROOT/notebook, as_version=4)

def moved(text, folder, to):
    "A text of one folder with the links that it needs in another"
    return LINK.sub(lambda m: m[1]+relpath(join(folder, m[2]), to or '.'), text)

def row(path, named):
    "A notebook's row of a table: its file's name or its title, and its subtitle"
    path = path.relative_to(ROOT).as_posix()
    first = next(c for c in read(path).cells if c.cell_type=='markdown').source
    name = Path(path).stem if named else re.search('^# (.+)', first, re.M)[1]
    words = moved(' '.join(re.findall('^> ?(.+)', first, re.M)), dirname(path), dirname(MAP))
    return f'| [{name}]({relpath(path, dirname(MAP))}) | {words} |'

def sections():
    "The sections of the site in the order of _quarto.yml: title -> contents"
    website = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))['website']
    return {e['section']:e['contents'] for e in website['sidebar']['contents'] if 'section' in e}

def listed(contents):
    "The notebooks of a part of the sidebar"
    for entry in contents:
        if isinstance(entry, str): yield entry
        elif 'section' in entry: yield from listed(entry['contents'])
        elif entry['href'].endswith('.ipynb'): yield entry['href']

def rows(contents, named=False): return [row(ROOT/'nbs'/p, named) for p in listed(contents)]

def tables():
    "The tables of the guide, of the tutorials, and of the notebooks that build on each other, in groups"
    parts = sections()
    groups = [line for group in parts['Notebooks'] for line in (f'| **{group["section"]}** | |', *rows(group['contents'], named=True))]
    return ['\n'.join([HEADER, *lines]) for lines in (rows(parts['Guide']), rows(parts['Tutorials']), groups)]

def map_with_tables():
    "The map with its tables as the notebooks are now"
    nb,made = read(MAP),tables()
    cells = [c for c in nb.cells if c.source.startswith(HEADER)]
    if len(cells)!=len(made): raise ValueError(f'{MAP}: expected {len(made)} cells of tables, found {len(cells)}')
    for c,table in zip(cells, made): c.source = table
    return nb

def rendered(notebook):
    "A notebook as a page of the project's root"
    nb = read(notebook)
    nb.metadata['language_info'] = {'name':'python'} # for the code fences
    nb.cells = [c for c in nb.cells if not re.search(r'^#\|\s*(hide|default_exp)', c.source, re.M)]
    for c in nb.cells: c.source = re.sub(r'^#\|.*\n?', '', c.source, flags=re.M) if c.cell_type=='code' else c.source
    text,_ = MarkdownExporter().from_notebook_node(nb)
    return re.sub(r'\n{3,}', '\n\n', moved(text, dirname(notebook), '')).strip()+'\n'

def outdated():
    "What does not follow the notebooks, and links that lead nowhere"
    wrong = [] if map_with_tables()==read(MAP) else [f'{MAP}: the tables are out of date: run make readme']
    for page,notebook in PAGES.items():
        text = rendered(notebook)
        if (ROOT/page).read_text(encoding='utf-8')!=text: wrong.append(f'{page} is out of date: run make readme')
        wrong += [f'{page}: no {link}' for _,link in LINK.findall(text) if not (ROOT/link).exists()]
    return wrong

def main():
    nbformat.write(map_with_tables(), ROOT/MAP)
    for page,notebook in PAGES.items(): (ROOT/page).write_text(rendered(notebook), encoding='utf-8')

if __name__=='__main__': main()
