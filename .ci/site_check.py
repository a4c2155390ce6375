"""Look at pages of the site in Chromium, on a phone and on a desk, in light and in dark; make docs has made them

Pages may be named, as in `site_check.py predict.html cli.html`; their pictures are then in out/site."""
import sys
import tempfile
import time
from pathlib import Path

from chromium import browser, chromium
from webpage import ALONE, serving

ROOT = Path(__file__).parent.parent
SITE,PICTURES = ROOT/'_docs',ROOT/'out'/'site'
PAGES = '''index.html guide/start.html guide/how_it_works.html guide/results.html tutorials/quickstart.html from_the_original.html
    data.eda.html visualizations.html predict.html cli.html'''.split()
SIZES = dict(phone=(390,844), desktop=(1280,900))
STATE = """(async () => {
    for (const i of document.images) i.loading = 'eager';
    const loaded = Promise.all([...document.images].map(i => i.decode().catch(() => 0)));
    await Promise.race([loaded, new Promise(f => setTimeout(f, 5000))]);
    return {
        title: document.title, heading: document.querySelector('article h1')?.innerText ?? '',
        width: document.documentElement.scrollWidth,
        pictures: [...document.images].filter(i => !i.naturalWidth).map(i => i.getAttribute('src')),
        dark: document.body.dataset.mdColorScheme=='slate' };
})()"""

def open_page(page, url):
    "Load a page; what Chromium says of it"
    page.call('Page.navigate', url='about:blank')
    page.events.clear()
    page.call('Page.navigate', url=url)
    page.wait("location.href!='about:blank' && document.readyState=='complete'")
    return page.js(STATE)

def told(events, url):
    "What went wrong while a page was loading, from the events of Chromium"
    asked = {}
    for method,given in events:
        if method=='Network.requestWillBeSent':
            asked[given['requestId']] = address = given['request']['url']
            if not address.startswith((url, 'data:', 'blob:', 'about:')): yield f'expected nothing from another host, found {address}'
        elif method=='Network.responseReceived' and given['response']['status']>=400:
            yield f'{given["response"]["url"]}: found status {given["response"]["status"]}'
        elif method=='Network.loadingFailed' and not given.get('canceled'):
            yield f'{asked.get(given["requestId"])}: found {given["errorText"]}'
        elif method=='Runtime.exceptionThrown': yield f'expected no error, found {given["exceptionDetails"].get("exception", given)}'
        elif method=='Log.entryAdded' and given['entry']['level']=='error': yield f'expected no error, found {given["entry"]["text"]}'
        elif method=='Runtime.consoleAPICalled' and given['type']=='error':
            yield f'expected no error, found {[a.get("value") for a in given["args"]]}'

def seen(state, width, dark):
    "What is wrong with a page that has been loaded, in a window of this width"
    title,heading = state['title'],state['heading']
    if not title or not heading: yield f'expected a title and a heading, found {title!r} and {heading!r}'
    if state['width']>width: yield f'expected a page {width} wide, found {state["width"]}'
    yield from (f'expected a picture, found none: {p}' for p in state['pictures'])
    if state['dark']!=dark: yield f'expected {"dark" if dark else "light"} colors, found the others'

def look(page, url, names, pictures):
    "All that is wrong with some pages"
    for size,(width,height) in SIZES.items():
        page.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=size=='phone')
        for color in 'light','dark':
            page.call('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value=color)])
            for name in names:
                state = open_page(page, f'{url}/{name}')
                picture = f'{name.replace("/", "-").removesuffix(".html")}-{size}-{color}.png'
                if pictures: page.screenshot(PICTURES/picture)
                for problem in [*seen(state, width, color=='dark'), *told(page.events, url)]: yield f'{name} ({size}, {color}): {problem}'

def search(page, url):
    "What is wrong with the search"
    open_page(page, f'{url}/index.html')
    page.js("document.querySelector('label[for=__search]').click() ?? 0")
    page.js("(i => { i.focus(); i.value = 'Recognizer'; i.dispatchEvent(new KeyboardEvent('keyup', {bubbles:true})) })"
            "(document.querySelector('.md-search__input')) ?? 0")
    try: page.wait("[...document.querySelectorAll('.md-search-result__item a')].some(a => a.href.includes('predict.html'))", 30)
    except TimeoutError:
        found = page.js("document.querySelector('.md-search-result').innerText")
        yield f'search: expected predict.html for Recognizer, found {found}'

def main(names):
    program,start = chromium(),time.monotonic()
    missing = [n for n in names or [*PAGES, 'try/index.html'] if not (SITE/n).is_file()]
    if missing: sys.exit(f'{SITE}: expected {", ".join(missing)}, found none: make docs')
    first_visit = "location.protocol!='about:' && localStorage.clear()"
    with (tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp, serving(SITE) as url,
          browser(Path(tmp), program, ALONE) as page):
        for domain in 'Page','Network','Runtime','Log': page.call(f'{domain}.enable')
        page.call('Page.addScriptToEvaluateOnNewDocument', source=first_visit)
        wrong = [*look(page, url, names or PAGES, bool(names)), *search(page, url)]
    for problem in wrong: print(problem)
    print(f'{len(names or PAGES)} pages looked at in {time.monotonic()-start:.0f} s: {len(wrong)} problems')
    return int(bool(wrong))

if __name__=='__main__': sys.exit(main(sys.argv[1:]))
