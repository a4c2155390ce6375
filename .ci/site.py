"""Render the site from the notebooks into _docs, and check its links

_quarto.yml has its title, sections and order. Quarto gives the same pages at the same addresses: see .github/workflows/docs.yml."""
import ast
import html
import posixpath
import re
import runpy
import sys
import tempfile
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import nbformat
import yaml
from markdown_it import MarkdownIt
from mkdocs.commands.build import build
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File
from mkdocs.structure.toc import get_toc
from nbdev.doclinks import patch_name
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

import site_links
from readme import listed

ROOT = Path(__file__).parent.parent
NBS,OUT,CSS = ROOT/'nbs',ROOT/'_docs',Path(__file__).with_name('site.css')
INDEX = runpy.run_path(str(ROOT/'asl_nb'/'_modidx.py'))['d'] # of nbdev_export: where names are defined, and where the repository is
REPOSITORY = f'{INDEX["settings"]["git_url"]}/blob/{INDEX["settings"]["branch"]}'
ADDRESS = INDEX['settings']['doc_host']+INDEX['settings']['doc_baseurl']+'/'

def slug(text): return re.sub(r'\s', '-', text.strip()).lower()

def page_of(path):
    "The page of a notebook, as nbdev names it: without its number"
    folder,name = posixpath.split(path)
    return posixpath.join(folder, re.sub(r'^\d+[a-zA-Z0-9]*_', '', name.lower()).removesuffix('.ipynb')+'.html')

def public(name): return not any(part.startswith('_') for part in name.split('.'))

# ---- Notebooks

@dataclass
class Notebook:
    "A notebook: its title, the line below it, and its other cells"
    path: str # below nbs

    def __post_init__(self):
        self.page,cells = page_of(self.path),nbformat.read(NBS/self.path, as_version=4).cells
        first = next((c for c in cells if c.cell_type=='markdown'), None)
        found = re.match(r'# (.+)\n\s*> (.+(?:\n> .+)*)\n*', first.source if first else '')
        if not found:
            raise ValueError(f'nbs/{self.path}: expected a first cell with # Title and > Subtitle, found {first and first.source!r}')
        self.title,self.subtitle = found[1].strip(),re.sub(r'\n> ?', ' ', found[2])
        first.source = first.source[found.end():]
        module = next((m[1] for c in cells if (m:=re.match(r'#\|\s*default_exp\s+(\S+)', c.source))), None)
        self.module = module and ROOT/'asl_nb'/(module.replace('.', '/')+'.py')
        self.cells = [c for c in cells if c.source.strip() and not directives(c) & {'hide','default_exp'}]

    @cached_property
    def definitions(self):
        "The lines of the module on which its public names are defined; methods of a class as Class.method"
        body = ast.parse(self.module.read_text(encoding='utf-8')).body if self.module else []
        return {name:line for node in body for name,line in lines_of(node).items()}

def directives(cell): return set(re.findall(r'^\s*#\s*\|\s*(\w+)', cell.source, re.M)) if cell.cell_type=='code' else set()

DEFINED = ast.FunctionDef,ast.AsyncFunctionDef,ast.ClassDef

def names_of(node):
    "The public names of a definition; several for a method that is patched into several classes"
    names = patch_name(node) if isinstance(node, DEFINED) else []
    return [n for n in ([names] if isinstance(names, str) else names) if public(n)]

def methods(node):
    "The public methods, if it is a class"
    return [m for m in node.body if isinstance(m, DEFINED) and public(m.name)] if isinstance(node, ast.ClassDef) else []

def lines_of(node):
    found = {name:node.lineno for name in names_of(node)}
    return found | {f'{name}.{m.name}':m.lineno for name in found for m in methods(node)}

# ---- Text

FORMULA = re.compile(r'\$[^\s$](?:[^$\n]*[^\s$])?\$') # would need a program of another host, or a large one here

class Text:
    "Markdown as HTML, with links to pages and to the definitions of names"
    def __init__(self, notebooks):
        self.md = MarkdownIt('commonmark').enable(['table','strikethrough'])
        self.pages = {nb.path:nb.page for nb in notebooks}
        self.names = {} # what a text may call a definition, and where that is; in the order of the site
        for nb in notebooks:
            module = nb.page.removesuffix('.html')
            for name in nb.definitions:
                for called in name,f'{module}.{name}',f'asl_nb.{module}.{name}': self.names.setdefault(called, []).append((nb, name))

    def link(self, nb, href):
        "A link of a notebook as a link of its page"
        if re.match(r'\w[\w+.-]*:', href): return href
        path,hash_,anchor = href.partition('#')
        anchor = hash_+slug(unquote(anchor))
        if not path: return anchor
        file = posixpath.normpath(posixpath.join(posixpath.dirname(nb.path), unquote(path)))
        if file in self.pages: return between(nb.page, self.pages[file])+anchor
        if (NBS/file).exists(): return f'{REPOSITORY}/{posixpath.normpath("nbs/"+file)}{hash_}{anchor[1:]}'
        return path+anchor # a file of the site, as the page to try; or nothing, which the check finds

    def defined(self, nb, code):
        "The link to the definition that `code` names; one of the same page comes first"
        called = re.fullmatch(r'([A-Za-z_][\w.]*)(\(.*\))?', code)
        found = self.names.get(called[1], []) if called else []
        where = next((f for f in found if f[0] is nb), found[0] if found else None)
        return where and between(nb.page, where[0].page)+'#'+where[1].lower()

    def render(self, nb, source, headings=None):
        tokens = self.md.parse(source)
        for i,token in enumerate(tokens):
            if token.type=='heading_open' and headings is not None:
                token.attrSet('id', headings.add(int(token.tag[1]), tokens[i+1]))
            if token.type=='fence': token.type,token.content = 'html_block',colored(token.content, token.info.split(' ')[0])
            elif token.type=='html_block': token.content = self.in_html(nb, token.content)
            if token.children: token.children = list(self.inline(nb, token.children))
        return self.md.renderer.render(tokens, self.md.options, {})

    def inline(self, nb, tokens):
        linked = False
        for token in tokens:
            if token.type in ('link_open','link_close'): linked = token.type=='link_open'
            if token.type=='text' and (found:=FORMULA.search(token.content)):
                raise ValueError(f'nbs/{nb.path}: expected a formula in Unicode, as xᵀΣ⁻¹μ, found {found[0]}')
            if token.type=='link_open': token.attrSet('href', self.link(nb, token.attrs['href']))
            if token.type=='html_inline': token.content = self.in_html(nb, token.content)
            if token.type=='code_inline' and not linked and (href:=self.defined(nb, token.content)):
                token.type,token.content = 'html_inline',f'<a href="{href}"><code>{html.escape(token.content)}</code></a>'
            if token.type=='image' and ':' in token.attrs['src']: # a badge of another host, of which only the words are shown
                token.type = 'text'
            yield token

    def in_html(self, nb, text):
        return re.sub(r'(<a\b[^>]*?href=")([^"]+)', lambda m: m[1]+self.link(nb, m[2]), text)

def between(page, other): return posixpath.relpath(other, posixpath.dirname(page) or '.') if other!=page else ''

class Headings(list):
    "The headings of a page, each with an id of its own"
    def __init__(self, taken): self.ids = set(taken)

    def add(self, level, token):
        text = ''.join(t.content for t in token.children if t.type in ('text','code_inline'))
        first = slug(text)
        id = next(i for n in range(999) if (i:=first+(f'-{n}' if n else '')) not in self.ids)
        self.note(level, id, text)
        return id

    def note(self, level, id, text):
        self.ids.add(id)
        self.append(dict(level=level, id=id, name=html.escape(text), children=[]))

    def tree(self):
        "Each heading below the last one of a higher level"
        path = [dict(level=0, children=[])]
        for heading in self:
            while path[-1]['level']>=heading['level']: path.pop()
            path[-1]['children'].append(heading)
            path.append(heading)
        return path[0]['children']

def colored(code, language):
    try: lexer = get_lexer_by_name(language or 'text', stripnl=False)
    except ClassNotFound: lexer = get_lexer_by_name('text')
    return highlight(code.rstrip(), lexer, HtmlFormatter(cssclass='highlight', wrapcode=True))

# ---- Cells

ANSI = re.compile('\x1b\\[[0-9;]*m') # colors of a terminal

class Page:
    "A notebook as HTML"
    def __init__(self, nb, text):
        self.nb,self.text,self.images = nb,text,{}
        self.headings = Headings(name.lower() for name in nb.definitions)
        self.headings.note(1, slug(nb.title), nb.title)
        self.html = '\n'.join([self.top(), *(self.cell(c) for c in nb.cells)])

    def top(self):
        nb = self.nb
        subtitle = self.text.render(nb, nb.subtitle)
        notebook = f'<a class="source" href="{REPOSITORY}/nbs/{nb.path}" title="The notebook of this page">notebook</a>'
        return f'<h1 id="{slug(nb.title)}">{html.escape(nb.title)}{notebook}</h1>\n<div class="subtitle">{subtitle}</div>'

    def cell(self, cell):
        if cell.cell_type=='markdown': return self.text.render(self.nb, cell.source, self.headings)
        if cell.cell_type!='code': return ''
        source = re.sub(r'^\s*#\s*\|.*\n?', '', cell.source, flags=re.M).strip()
        if 'hide_input' in directives(cell): shown = ''
        elif 'export' in directives(cell): shown = self.exported(source)
        elif self.nb.definitions and imports_only(source): shown = folded('Imports', source)
        else: shown = colored(source, 'python')
        return '\n'.join([shown, *(self.output(o) for o in cell.outputs)])

    def output(self, output):
        "What a cell displays, in the best of the forms that it comes in"
        data = output.get('data', {'text/plain':output.get('text', '')})
        kind = next((k for k in ('text/html','text/markdown','image/png','image/jpeg','text/plain') if k in data), None)
        if kind is None: return ''
        if kind=='text/markdown': shown = self.text.render(self.nb, data[kind])
        elif kind=='text/html': shown = plain_table(data[kind])
        elif kind=='text/plain': shown = f'<pre><code>{html.escape(ANSI.sub("", data[kind]).rstrip())}</code></pre>'
        else: shown = self.image(data[kind], kind.split('/')[1])
        return f'<div class="output" data-search-exclude>{shown}</div>'

    def image(self, data, kind):
        name = f'{self.nb.page.removesuffix(".html")}_files/{len(self.images)}.{kind}'
        self.images[name] = b64decode(data)
        return f'<img src="{between(self.nb.page, name)}" alt="What the code above draws" loading="lazy">'

    def exported(self, source):
        "Definitions with their signatures, and what else a module holds; imports are left out"
        parts,lines = [],source.split('\n')
        body = ast.parse(source).body
        if not any(isinstance(n, DEFINED) for n in body):
            return '' if imports_only(source) else colored(source, 'python')
        for node in body:
            if names:=names_of(node): parts += [self.definition(n, node, source) for n in names]
            elif isinstance(node, ast.Assign): parts.append(colored('\n'.join(lines[node.lineno-1:node.end_lineno]), 'python'))
        return '\n'.join(parts)

    def definition(self, name, node, source):
        "A heading, the signature, the docstring and, folded, the code of a definition; the same of its methods"
        self.headings.note(3, name.lower(), name)
        made = [m for m in node.body if isinstance(m, DEFINED) and m.name=='__init__'] if isinstance(node, ast.ClassDef) else []
        signature = '\n\n'.join(signature_of(n, source) for n in [node, *made])
        return (f'{self.heading(3, name)}\n{colored(signature, "python")}\n{self.docstring(node)}'
                +''.join(self.method(f'{name}.{m.name}', m, source) for m in methods(node))
                +folded('Code', segment(node, source)))

    def method(self, name, node, source):
        signature = colored(signature_of(node, source), 'python')
        return f'<div class="method">{self.heading(4, name)}\n{signature}\n{self.docstring(node)}</div>'

    def heading(self, level, name):
        module = self.nb.module.relative_to(ROOT).as_posix()
        if name not in self.nb.definitions: raise ValueError(f'{module}: expected {name}, found none: nbdev_export')
        source = f'{REPOSITORY}/{module}#L{self.nb.definitions[name]}'
        return (f'<h{level} id="{name.lower()}" class="name"><code>{name}</code>'
                f'<a class="source" href="{source}" title="{name} in the repository">source</a></h{level}>')

    def docstring(self, node): return self.text.render(self.nb, ast.get_docstring(node) or '')

def folded(title, code):
    return f'<details class="code" data-search-exclude><summary>{title}</summary>{colored(code, "python")}</details>'

def imports_only(source):
    try: return all(isinstance(n, (ast.Import,ast.ImportFrom)) for n in ast.parse(source).body)
    except SyntaxError: return False # commands of a shell

def start_of(node): return min([node.lineno, *(d.lineno for d in node.decorator_list)])

def segment(node, source): return '\n'.join(dedented(source.split('\n')[start_of(node)-1:node.end_lineno]))

def dedented(lines):
    indent = len(lines[0])-len(lines[0].lstrip())
    return [line[indent:] if not line[:indent].strip() else line for line in lines]

def signature_of(node, source):
    "The lines of a definition above its body; those of a class with its fields, as far as its first method"
    lines,body = source.split('\n'),node.body
    if body[0].lineno==node.lineno: return dedented([lines[node.lineno-1][:body[0].col_offset].rstrip()])[0]
    if isinstance(node, ast.ClassDef):
        until = next((start_of(n)-1 for n in body if isinstance(n, DEFINED)), node.end_lineno)
        doc = body[0] if ast.get_docstring(node) else None
        kept = [line for i,line in enumerate(lines[:until], 1) if not (doc and doc.lineno<=i<=doc.end_lineno)]
    else: kept = lines[:start_of(body[0])-1 if isinstance(body[0], DEFINED) else body[0].lineno-1]
    return '\n'.join(dedented(kept[start_of(node)-1:])).rstrip()

def plain_table(text):
    "A table of pandas without its own style, so that it gets that of the site"
    return re.sub(r'<style.*?</style>', '', text, flags=re.S).replace('<table border="1" class="dataframe">', '<table>')

# ---- The site

def unlisted(found):
    "Notebooks that the sidebar does not list once, and those that it lists and nobody has"
    there = {p.relative_to(NBS).as_posix() for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts}
    wrong = [f'_quarto.yml: {p}: expected once in the sidebar, found {n} times' for p in sorted(there) if (n:=found.count(p))!=1]
    return wrong+[f'_quarto.yml: {p}: expected a notebook in nbs, found none' for p in sorted(set(found)-there)]

def navigation(contents, titles):
    "A part of the sidebar as MkDocs wants it"
    for entry in contents:
        if isinstance(entry, str): entry = dict(text=titles[entry], href=entry)
        if 'section' in entry: yield {entry['section']:list(navigation(entry['contents'], titles))}
        else: yield {entry['text']:page_of(entry['href']).replace('.html', '.md') if entry['href'] in titles else entry['href']}

PICTURES = {'.png','.gif','.jpg','.jpeg','.svg','.webp','.mp4','.webm'}

class Notebooks(BasePlugin):
    "Gives MkDocs the notebooks as pages"
    def __init__(self, notebooks):
        super().__init__()
        text = Text(notebooks)
        self.pages = {nb.page.replace('.html', '.md'):Page(nb, text) for nb in notebooks}

    def on_files(self, files, config):
        given = {'site.css':CSS.read_bytes()}
        given |= {p.relative_to(NBS).as_posix():p.read_bytes() for p in sorted(NBS.rglob('*')) if p.suffix in PICTURES}
        for uri,page in self.pages.items():
            about = yaml.safe_dump(dict(title=page.nb.title, description=page.nb.subtitle), allow_unicode=True, width=1000)
            given |= {uri:f'---\n{about}---\n', **page.images}
        for uri,content in given.items(): files.append(File.generated(config, uri, content=content))
        return files

    def on_pre_page(self, page, config, files):
        def render(config, files):
            page.content = self.pages[page.file.src_uri].html
            page.toc = get_toc(self.pages[page.file.src_uri].headings.tree())
        page.render = render
        return page

THEME = dict(name='material', language='en', font=False, icon=dict(logo='material/hand-wave'),
             features=['content.code.copy', 'search.highlight', 'toc.follow',
                       *(f'navigation.{n}' for n in ('tabs','sections','prune','top','footer'))],
             palette=[dict(media=f'(prefers-color-scheme: {now})', scheme=scheme, primary='teal', accent='teal',
                           toggle=dict(icon=f'material/weather-{icon}', name=f'Switch to {other} mode'))
                      for now,scheme,icon,other in (('light','default','sunny','dark'), ('dark','slate','night','light'))])

def render(folder, tmp):
    "Write the site into a folder; what is wrong with the list of notebooks"
    website = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))['website']
    found = list(listed(website['sidebar']['contents']))
    if wrong:=unlisted(found): return wrong
    notebooks = [Notebook(p) for p in found]
    nav = list(navigation(website['sidebar']['contents']+website['navbar']['left'], {nb.path:nb.title for nb in notebooks}))
    cfg = MkDocsConfig()
    quiet = dict.fromkeys(('not_found','omitted_files'), 'ignore') # site_links checks what comes out
    repository = dict(icon='fontawesome/brands/github', link=INDEX['settings']['git_url'])
    cfg.load_dict(dict(site_name=website['title'], site_description=website['description'], site_url=ADDRESS, nav=nav,
                       docs_dir=str(tmp), site_dir=str(folder), use_directory_urls=False, validation=dict(nav=quiet, links=quiet),
                       theme=THEME, extra_css=['site.css'], plugins=['material/search'],
                       extra=dict(generator=False, social=[repository])))
    errors,_ = cfg.validate()
    if errors: return [f'{name}: {error}' for name,error in errors]
    cfg.plugins['notebooks'] = Notebooks(notebooks)
    cfg.plugins.on_startup(command='build', dirty=False)
    build(cfg)
    return []

def main():
    with tempfile.TemporaryDirectory() as tmp:
        try: wrong = render(OUT, Path(tmp)) or site_links.problems(OUT, ADDRESS, INDEX)
        except ValueError as e: wrong = [e]
    for problem in wrong: print(problem)
    print(f'{len(wrong)} problems' if wrong else f'{OUT}: {len(list(OUT.rglob("*.html")))} pages')
    return int(bool(wrong))

if __name__=='__main__': sys.exit(main())
