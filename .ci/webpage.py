"The page for tests and benchmarks: built, served, and open in Chromium"
import threading
from contextlib import contextmanager

import av

from asl_nb.web import open_server
from chromium import browser

ALONE = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' # no other machine has an address
ON_START = """window.violations = [];
document.addEventListener('securitypolicyviolation', e => violations.push(`${e.violatedDirective} ${e.blockedURI}`));"""

def open_page(page, url):
    "Load a page, with a list of what its Content-Security-Policy forbids"
    page.call('Page.navigate', url='about:blank')
    page.call('Page.navigate', url=url)
    page.wait("document.body?.dataset.state=='idle'")

def give(page, file):
    "Choose a video in the page"
    page.call('DOM.enable')
    root = page.call('DOM.getDocument')['root']['nodeId']
    node = page.call('DOM.querySelector', nodeId=root, selector='#file')['nodeId']
    page.call('DOM.setFileInputFiles', nodeId=node, files=[str(file)])

def choose(page, file):
    "Choose a video in a page that was just opened; its events once the page has seen all of it"
    page.js("(() => { window.told = []; document.addEventListener('recognized', e => told.push(e.detail)) })()")
    give(page, file)
    state = page.wait("['done','error'].find(s => s==document.body.dataset.state)", 120)
    assert state=='done', page.js("document.querySelector('#message').innerText")
    return page.js('told')

def write_mp4(path, frames, fps):
    "Write a video that browsers play"
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('libx264', rate=fps)
        stream.height,stream.width,_ = frames[0].shape
        stream.pix_fmt = 'yuv420p'
        for frame in frames: file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())

@contextmanager
def serving(site):
    "The address of a site"
    with open_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try: yield f'http://127.0.0.1:{server.server_port}'
        finally: server.shutdown()

@contextmanager
def opened(site, tmp, program):
    "A page in a Chromium for which no other machine exists, and its address; tmp/net.json tells what was asked of whom"
    with serving(site) as url, browser(tmp, program, ALONE, f'--log-net-log={tmp}/net.json') as page:
        page.call('Page.enable')
        page.call('Page.addScriptToEvaluateOnNewDocument', source=ON_START)
        open_page(page, url)
        yield page,url
