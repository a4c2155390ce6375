"Check the links, anchors, images and names of a site, and that it asks nothing of another host"
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote,urlsplit

LATER = 'try/index.html' # `asl web` writes it into the site, and what is beside it
FETCHED = {('script','src'), ('img','src'), ('img','srcset'), ('iframe','src'), ('video','src'), ('audio','src'), ('source','src'),
           ('source','srcset'), ('embed','src'), ('object','data'), ('use','href')} # and link elements of these kinds
FETCHING = {'stylesheet','preload','modulepreload','prefetch','preconnect','dns-prefetch','icon','manifest'}

class Read(HTMLParser):
    "The anchors of a page, its links as (tag, address), and the addresses that a browser fetches by itself"
    def __init__(self, text):
        super().__init__()
        self.anchors,self.links,self.fetched = set(),[],[]
        self.feed(re.sub(r'<span class="\w*">|</span>', '', text)) # most tags are colors of code, and there is nothing in them
        self.fetched += re.findall(r'(?:url\(|@import\s*)["\']?(https?:[^"\')\s]+)', text)

    def handle_starttag(self, tag, attrs):
        given = {k:v or '' for k,v in attrs}
        self.anchors |= {given[k] for k in ('id','name') if k in given}
        if tag=='link' and FETCHING & set(given.get('rel', '').split()): self.fetched.append(given.get('href', ''))
        for name,value in given.items():
            if (tag, name) in FETCHED: self.fetched.append(value.split()[0] if name=='srcset' else value)
        if tag=='a' and 'href' in given: self.links.append(given['href'])
        if tag=='img' and not given.get('src'): self.fetched.append('')

def problems(folder, address, index):
    "All that is wrong with a site in a folder that is meant for an address; `index` has the public names and their pages"
    pages = {p.relative_to(folder).as_posix():Read(p.read_text(encoding='utf-8')) for p in sorted(Path(folder).rglob('*.html'))
             if not p.relative_to(folder).as_posix().startswith('try/')}
    files = {p.relative_to(folder).as_posix() for p in Path(folder).rglob('*') if p.is_file()}
    wrong = [w for page,read in pages.items() for w in broken(page, read, pages, files, address)]
    wrong += [f'{f}: expected nothing from another host, found {url}' for f in sorted(files) if f.endswith('.css')
              for url in re.findall(r'(?:url\(|@import\s*)["\']?(https?:[^"\')\s]+)', (Path(folder)/f).read_text(encoding='utf-8'))]
    return wrong+[w for module in index['syms'].values() for name,(page,_) in module.items() if (w:=unnamed(name, page, pages))]

def broken(page, read, pages, files, address):
    "What a page links to and nobody has, and what it fetches from elsewhere"
    for url in read.fetched+read.links:
        if not url.startswith('#') and urlsplit(url).scheme:
            if url in read.fetched and not url.startswith('data:'): yield f'{page}: expected nothing from another host, found {url}'
            continue
        if url.startswith('//'):
            yield f'{page}: expected nothing from another host, found {url}'
            continue
        path,_,anchor = url.partition('#')
        path = unquote(path.split('?')[0])
        root = urlsplit(address).path
        file = path.removeprefix(root) if path.startswith(root) else posixpath.join(posixpath.dirname(page), path)
        file = posixpath.normpath(file) if path else page
        if file=='.' or path.endswith('/'): file = posixpath.normpath(posixpath.join(file, 'index.html'))
        if file==LATER: continue
        if file not in files: yield f'{page}: {url}: expected {file}, found no such file'
        elif anchor and file in pages and unquote(anchor) not in pages[file].anchors:
            yield f'{page}: {url}: expected the anchor {anchor} in {file}, found none'

def unnamed(name, page, pages):
    "What is wrong with the place where a public name is documented"
    file,_,anchor = page.partition('#')
    if any(part.startswith('_') for part in name.split('.')): return
    if file not in pages: return f'{name}: expected {file}, found no such page'
    if anchor not in pages[file].anchors: return f'{name}: expected the anchor {anchor} in {file}, found none'
