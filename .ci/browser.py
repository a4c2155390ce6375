"Watch the notebook widgets in a real JupyterLab with a real browser; needs Chromium, takes about two minutes"
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import av
import nbformat
import numpy as np
from skimage.data import astronaut

from asl_nb.landmarks import LEFT_HAND, RIGHT_HAND, write_clip
from asl_nb.pretrained import load_prototypes
from chromium import browser, chromium, free_port, get, running, wait

ROOT = Path(__file__).parent.parent
LIMIT = 400 # seconds for everything but the installation of Chromium

@contextmanager
def lab(tmp):
    "JupyterLab on a folder; its address and token"
    port,token = free_port(),secrets.token_hex(16)
    env = {**os.environ, 'IPYTHONDIR':f'{tmp}/ipython', 'JUPYTERLAB_SETTINGS_DIR':f'{tmp}/settings',
           'JUPYTERLAB_WORKSPACES_DIR':f'{tmp}/workspaces'}
    env |= {f'JUPYTER_{o}_DIR':f'{tmp}/{o.lower()}' for o in ('CONFIG', 'DATA', 'RUNTIME')}
    quiet = tmp/'settings'/'@jupyterlab'/'apputils-extension'/'notification.jupyterlab-settings'
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    options = dict(ip='127.0.0.1', port=port, port_retries=0, root_dir=f'{tmp}/nbs')
    cmd = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--expose-app-in-browser',
           f'--IdentityProvider.token={token}',
           *(f'--ServerApp.{k}={v}' for k,v in options.items())]
    with running(cmd, tmp/'lab.log', env=env, cwd=tmp/'nbs'):
        url = f'http://127.0.0.1:{port}'
        wait(lambda: get(f'{url}/api?token={token}'), 'JupyterLab to start')
        yield url,token

SIGN = 'hello'
LISTENING = """
label = ipywidgets.Label()
ui.observe(lambda change: setattr(label, 'value', f'Python heard {[s.sign for s in ui.signs]}'), 'events')
ipywidgets.VBox([ui, label])
"""
STAND_IN = """
export async function loadInWorker() {
  const {frames, size, numbers} = KNOWN, all = Float32Array.from(numbers, v => v ?? NaN);
  let n = 0;
  return {restart: async () => { n = 0 }, landmarks: async () => all.slice(n++ % frames * size).slice(0, size)};
}
"""
CELLS = ["""
from asl_nb.widget import show_recognition
show_recognition('clip.parquet', aspect=4/3, fps=30.)
""", """
import ipywidgets
ui = show_recognition(0)
"""+LISTENING, """
import json
import numpy as np
from itertools import cycle, repeat
from asl_nb.clip import Clip
lm = Clip.read('clip.parquet').lm
known = np.float32(lm[...,:2])
numbers = [None if np.isnan(v) else round(float(v), 5) for v in known.ravel()]
stand_in = open('stand_in.js').read().replace('KNOWN', json.dumps(dict(frames=len(lm), size=2*lm.shape[1], numbers=numbers)))
ui = show_recognition(0, ui.files['model.onnx'])
ui.files['landmarker.js'] = stand_in.encode() # as if the camera saw the clip
"""+LISTENING, """
import time
from contextlib import nullcontext
from asl_nb.config import Config
from asl_nb.data.dataset import ASLDataset
from asl_nb.data.store import open_store
from asl_nb.data.synth import make_dataset
from asl_nb.visualizations import explore
cfg = Config(ROOT_PATH='.')
make_dataset('data', n_signs=3, n_signers=3, n_clips=2, progress=False)
explore(ASLDataset(store=open_store('data', cfg, progress=False), cfg=cfg))
""", """
from asl_nb.record import RecordWidget
pictures = (time.sleep(1/30) or np.full((240, 320, 3), 90, np.uint8) for _ in repeat(0))
again = cycle(lm)
RecordWidget('mine', 'me', sign='hello', clips=1, camera=pictures, guided=True, extractor=nullcontext(lambda frame: next(again)))
"""]

def make_notebook(folder):
    "Write a notebook with the widgets, and the clip that it shows: hands out of sight, then a sign"
    lm = np.pad(load_prototypes()[SIGN], ((20,0), (0,0), (0,1)), 'edge')
    lm[:20,LEFT_HAND] = lm[:20,RIGHT_HAND] = np.nan
    folder.mkdir()
    write_clip(folder/'clip.parquet', lm)
    (folder/'stand_in.js').write_text(STAND_IN)
    kernel = dict(display_name='python3', language='python', name='python3')
    cells = [nbformat.v4.new_code_cell(c.strip()) for c in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=dict(kernelspec=kernel)), folder/'widgets.ipynb')

def make_camera(path):
    "Options for a Chromium whose camera shows a person"
    with av.open(str(path), 'w', format='mjpeg') as file:
        stream = file.add_stream('mjpeg', rate=30)
        stream.width,stream.height,stream.pix_fmt = 640,480,'yuvj420p'
        for i in range(30):
            picture = np.full((480,640,3), 90, np.uint8)
            picture[:,i:i+480] = astronaut()[:480,:480]
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        file.mux(stream.encode())
    return '--use-fake-device-for-media-stream','--use-fake-ui-for-media-stream',f'--use-file-for-fake-video-capture={path}'

def run_all(page, url, token):
    "Open the notebook and run its cells"
    page.call('Page.navigate', url=f'{url}/lab/tree/widgets.ipynb?token={token}')
    page.wait("(k => k?.connectionStatus=='connected' && k.status=='idle')("
              "[...window.jupyterapp?.shell.widgets('main') || []][0]?.sessionContext?.session?.kernel)")
    page.js("jupyterapp.commands.execute('notebook:run-all-cells') && 0")

class Output:
    "What a cell shows"
    def __init__(self, page, n): self.page,self.n = page,n

    def part(self, selector, i=0):
        "The i-th element of a kind, as JavaScript"
        return f"document.querySelectorAll('.jp-CodeCell')[{self.n}]?.querySelectorAll('{selector}')[{i}]"

    def text(self, selector, i=0): return self.page.js(f"{self.part(selector, i)}?.innerText ?? ''")
    def html(self, i): return self.text('.widget-html-content', i)
    def click(self, selector, i=0, at=.5): self.page.click(self.part(selector, i), at)

    def picture(self):
        "The bytes of the picture that stands there, as text; nothing while it is being replaced"
        return self.page.js("(i => i ? fetch(i.src).then(r => r.arrayBuffer())"
                            ".then(b => btoa(String.fromCharCode(...new Uint8Array(b)))).catch(() => '') : '')"
                            f"({self.part('img')})")

    def new_picture(self, old, what): return self.wait(lambda o: (p:=o.picture())!=old and p, what)

    def wait(self, ask, what, seconds=30): return wait(lambda: ask(self), f'cell {self.n+1}: {what}', seconds)

class Widget(Output):
    "What a cell shows of the project's own widget, which has a tree of its own"
    def part(self, selector, i=0):
        return (f"[...document.querySelectorAll('.jp-CodeCell')[{self.n}]?.querySelectorAll('*') ?? []]"
                f".find(e => e.shadowRoot?.querySelector('main'))?.shadowRoot.querySelectorAll('{selector}')[{i}]")

    def drawn(self): return self.page.js(f"{self.part('canvas')}?.toDataURL()")

def watch_clip(out):
    "Play a clip, then scrub back to its middle"
    at = lambda text: lambda o: o.text('.state')==text
    out.wait(at('1 of 50'), 'the first frame', 60)
    assert SIGN in out.text('.small'), f'expected {SIGN} for the whole clip, found {out.text(".small")}'
    first = out.wait(lambda o: o.drawn(), 'a picture')
    assert not out.text('.bars') and not out.text('.signs'), 'expected nothing before the sign'
    out.click('.controls button')
    out.wait(lambda o: at('50 of 50')(o) and SIGN in o.text('.signs'), f'the end, with {SIGN} recognized')
    assert out.text('.bars').startswith(SIGN), f'expected {SIGN} first, found {out.text(".bars")}'
    last = out.wait(lambda o: (d:=o.drawn())!=first and d, 'another picture at the end')
    out.click('input', at=.85)
    out.wait(lambda o: o.text('.state')!='50 of 50' and not o.text('.signs') and o.text('.bars').startswith(SIGN),
             f'{SIGN} not yet over in the middle')
    assert out.wait(lambda o: (d:=o.drawn())!=last and d, 'another picture in the middle')!=first
    out.click('.mark') # on the line of time
    out.wait(lambda o: o.text('.state')!='50 of 50', 'the beginning of the sign')

def start(out):
    out.wait(lambda o: o.text('.controls button'), 'the button', 60)
    time.sleep(1)
    out.click('.controls button')

def watch_camera(out):
    "Find the landmarks of a camera's pictures in the browser, and stop"
    start(out)
    empty = out.drawn()
    seen = lambda o: re.match('[3-9] pictures|[0-9]{2,} pictures', o.text('.state'))
    try: out.wait(seen, 'pictures from the camera', 90)
    except TimeoutError as e: raise TimeoutError(f'{e}; it says: {out.text(".state")}') from None
    assert out.drawn()!=empty, 'expected a skeleton'
    out.page.screenshot(ROOT/'out'/'camera.png')
    out.click('.controls button')
    out.wait(lambda o: re.match('stopped: [0-9]+ pictures', o.text('.state')), 'the end')

def watch_signs(out):
    "Recognize a sign in front of a camera in the browser, and tell Python"
    start(out)
    out.wait(lambda o: SIGN in o.text('.signs'), f'{SIGN} from the camera', 90)
    out.wait(lambda o: f"Python heard ['{SIGN}'" in Output(o.page, o.n).text('.widget-label'), 'Python to hear of it')
    out.click('.controls button')
    out.wait(lambda o: re.match('stopped: [0-9]+ pictures', o.text('.state')), 'the end')

def watch_explorer(out):
    "Play in the explorer of clips, and choose another version and another sign"
    out.wait(lambda o: o.text('.widget-readout'), 'the explorer', 60)
    picture = out.new_picture('', 'a picture')
    out.click('.widget-play button')
    out.new_picture(picture, 'another picture while it plays')
    out.click('.widget-play button')
    time.sleep(1) # what is under way arrives
    away = .1 if int(out.text('.widget-readout'))>15 else .9
    choose = "(s => { s.selectedIndex = 1; s.dispatchEvent(new Event('change', {bubbles:true})) })"
    acts = dict(frame=lambda: out.click('.slider-container', at=away), version=lambda: out.click('.widget-button'),
                sign=lambda: out.page.js(f'{choose}({out.part("select")})'))
    for what,act in acts.items():
        picture = out.new_picture('', 'a picture')
        act()
        out.new_picture(picture, f'another picture for another {what}')

def watch_recorder(out):
    "Record a clip, and keep it by the button"
    def kept(o):
        o.click('.jupyter-button')
        return f'{SIGN} 1 of 1' in o.html(0)
    out.wait(kept, f'a clip of {SIGN}', 60)
    out.wait(lambda o: 'recorded.png' in o.html(0), 'the picture of all clips')

WATCHED = ((Widget, watch_clip), (Widget, watch_camera), (Widget, watch_signs),
           (Output, watch_explorer), (Output, watch_recorder))

def main():
    program,start = chromium(),time.monotonic()
    def late(*_): raise TimeoutError(f'not done after {LIMIT} s')
    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        make_notebook(tmp/'nbs')
        camera = make_camera(tmp/'camera.mjpeg')
        with lab(tmp) as (url,token), browser(tmp, program, *camera) as page:
            try:
                run_all(page, url, token)
                for n,(kind,watch) in enumerate(WATCHED):
                    watch(kind(page, n))
                    print(f'{watch.__doc__}: seen after {time.monotonic()-start:.0f} s', flush=True)
            finally:
                page.screenshot(ROOT/'out'/'browser.png')
                said = page.js("[...document.querySelectorAll('[data-mime-type*=stderr], [data-mime-type*=error]')]"
                               ".map(e => e.innerText).join('\\n')")
                if said: print(said)

if __name__=='__main__': main()
