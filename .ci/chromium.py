"Chromium without a window, driven over its DevTools protocol"
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import websocket # JupyterLab installs it

QUIET = ('--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking '
         '--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1100,2100').split()

def chromium():
    "The path of Chromium, installed first if it is missing and this is root on Debian"
    found = shutil.which('chromium') or shutil.which('google-chrome')
    if found: return found
    if not shutil.which('apt-get') or os.geteuid():
        sys.exit('expected the program chromium, found none: install it (Debian: apt-get install chromium)')
    print('installing chromium', flush=True)
    env = {**os.environ, 'DEBIAN_FRONTEND':'noninteractive'}
    for cmd in (['update'], ['install', '-y', '--no-install-recommends', 'chromium']):
        subprocess.run(['apt-get', '-qq', *cmd], env=env, check=True, stdout=subprocess.DEVNULL, timeout=600)
    return shutil.which('chromium')

@contextmanager
def running(cmd, log, **kw):
    "A program that is stopped at the end, with everything it started"
    with open(log, 'w') as f: p = subprocess.Popen(cmd, stdout=f, stderr=f, start_new_session=True, **kw)
    try: yield p
    finally:
        for sig in (15, 9):
            try: os.killpg(p.pid, sig)
            except ProcessLookupError: break
            try: p.wait(10)
            except subprocess.TimeoutExpired: pass

def wait(ask, what, seconds=60):
    "What `ask` gives, once it gives anything"
    end = time.monotonic()+seconds
    while time.monotonic()<end:
        try:
            if answer:=ask(): return answer
        except OSError: pass
        time.sleep(.1)
    raise TimeoutError(f'waited {seconds} s for {what}')

def free_port():
    "A port of this machine that nobody uses"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def get(url): return urllib.request.urlopen(url, timeout=10).read()

class Page:
    "A page in Chromium, driven over its DevTools protocol"
    def __init__(self, url):
        self.ws,self.n = websocket.create_connection(url, timeout=300, suppress_origin=True),0
        self.events = [] # what Chromium told without being asked, as (method, params)

    def call(self, method, **params):
        "The answer to a DevTools command"
        self.n += 1
        self.ws.send(json.dumps(dict(id=self.n, method=method, params=params)))
        while (answer:=json.loads(self.ws.recv())).get('id')!=self.n:
            self.events.append((answer.get('method'), answer.get('params')))
        if 'error' in answer: raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

    def js(self, code):
        "The value of an expression in the page"
        got = self.call('Runtime.evaluate', expression=code, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in got: raise RuntimeError(f'{code}: {got["exceptionDetails"]}')
        return got['result'].get('value')

    def wait(self, code, seconds=60): return wait(lambda: self.js(code), code, seconds)

    def click(self, element, at=.5):
        "Press the mouse on an element, `at` this share of its width, once it stands still"
        x,y = self.js(f"""(async e => {{
            e.scrollIntoView({{block:'nearest'}});
            const at = () => (r => [r.left+{at}*r.width, r.top+r.height/2])(e.getBoundingClientRect());
            for (let before = 0; String(before)!=String(at());) {{
                before = at();
                await new Promise(f => setTimeout(f, 100));
            }}
            return at() }})({element})""")
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def screenshot(self, path):
        "Write what the page shows as a PNG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call('Page.captureScreenshot')['data']))

@contextmanager
def browser(tmp, program, *options):
    "Chromium with an empty page"
    cmd = [program, *QUIET, *options, f'--user-data-dir={tmp}/chromium', '--remote-debugging-port=0', 'about:blank']
    with running(cmd, tmp/'chromium.log', cwd=tmp):
        port = wait(lambda: (tmp/'chromium'/'DevToolsActivePort').read_text().splitlines()[:1], 'Chromium to start')[0]
        pages = lambda: [p for p in json.loads(get(f'http://127.0.0.1:{port}/json/list')) if p['type']=='page']
        page = Page(wait(pages, 'a page')[0]['webSocketDebuggerUrl'])
        try: yield page
        finally: page.ws.close()
