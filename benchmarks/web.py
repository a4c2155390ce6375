"""How fast the page is, and whether it keeps its memory: Chromium with a camera that is a video.

    python benchmarks/web.py --video FILE [--site SITE] [--minutes 5]

The video is shown again and again as the camera of a page that runs in Chromium (Linux only; it is found as by .ci/chromium.py).
SITE is a folder of `asl web`; one with the bundled weights is built if it is left out. Printed are, for each minute,

* pictures per second of the page: found landmarks, with drawing and recognition;
* the memory of the page's script, and of Chromium's process for the page, in MiB;

and then pictures per second of Python's HolisticExtractor on the same frames, in the same run, and the ratio. Both are done on the
CPU alone. Where there is no GPU, Chromium computes what it shows on the same cores; a browser on a usual computer is faster.

Exits with 1 if the process grew by more than 64 MiB between the second minute and the last.
"""
import argparse
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).parent.parent/'.ci'))
from chromium import browser, chromium

from asl_nb.holistic import HolisticExtractor
from asl_nb.video import timed_frames
from asl_nb.web import build_site, open_server

GROWTH = 64 # MiB
FRAMES = 60 # for Python
COUNT = """window.pictures = 0;
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...more) {
  pictures += message.name === 'landmarks';
  return post.call(this, message, ...more);
};"""

def write_camera(video, file):
    "A video as Chromium's stand-in for a camera takes it"
    with av.open(str(video)) as source, av.open(str(file), 'w', format='mjpeg') as out:
        size = source.streams.video[0].codec_context
        stream = out.add_stream('mjpeg', rate=30)
        stream.width,stream.height,stream.pix_fmt = size.width,size.height,'yuvj420p'
        for frame in source.decode(video=0): out.mux(stream.encode(frame.reformat(format='yuvj420p')))
        out.mux(stream.encode())

def page_memory(folder):
    "MiB of the processes that show pages, of the Chromium with this folder"
    total = 0
    for p in Path('/proc').glob('[0-9]*'):
        try: command,usage = (p/'cmdline').read_text(),(p/'smaps_rollup').read_text()
        except OSError: continue # it has ended
        if '--type=renderer' in command and str(folder) in command:
            total += sum(int(line.split()[1]) for line in usage.splitlines() if line.startswith('Pss:'))
    return total/1024

def watch(page, folder, minutes):
    "Pictures per second and memory of each minute"
    page.js("document.querySelector('#camera').click()")
    page.wait("document.body.dataset.state=='running'", 120)
    for minute in range(minutes):
        start,before = time.monotonic(),page.js('pictures')
        time.sleep(60)
        rate = (page.js('pictures')-before)/(time.monotonic()-start)
        state = page.js('document.body.dataset.state')
        assert state=='running', f'expected a page that runs, found {state}: {page.js("message.textContent")}'
        heap = page.call('Runtime.getHeapUsage')['usedSize']/2**20
        memory = page_memory(folder)
        print(f'minute {minute+1}: {rate:.1f} pictures per second, script {heap:.1f} MiB, process {memory:.0f} MiB', flush=True)
        yield rate,heap,memory

def python_rate(video):
    "Pictures per second of Python's landmarker"
    frames = [f for _,f in islice(timed_frames(video), FRAMES)]
    with HolisticExtractor() as extract:
        extract(frames[0])
        start = time.monotonic()
        for f in frames: extract(f)
        return len(frames)/(time.monotonic()-start)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--video', required=True, help='a person who signs')
    parser.add_argument('--site', help='folder of `asl web`')
    parser.add_argument('--minutes', type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        write_camera(args.video, tmp/'camera.mjpeg')
        options = ('--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--use-fake-device-for-media-stream',
                   '--use-fake-ui-for-media-stream', f'--use-file-for-fake-video-capture={tmp}/camera.mjpeg')
        site = args.site or build_site(out=tmp/'site')
        with open_server(site, 0) as server, browser(tmp, chromium(), *options) as page:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page.call('Page.enable')
            page.call('Page.addScriptToEvaluateOnNewDocument', source=COUNT)
            page.call('Page.navigate', url=f'http://127.0.0.1:{server.server_port}')
            page.wait("document.body?.dataset.state=='idle'")
            found = list(watch(page, tmp, args.minutes))
            server.shutdown()
    rate,mine = sum(r for r,*_ in found)/len(found),python_rate(args.video)
    print(f'page {rate:.1f} pictures per second, Python {mine:.1f}: {rate/mine:.2f} times')
    grown = found[-1][2]-found[min(1, len(found)-1)][2]
    print(f'the process grew by {grown:.0f} MiB after the second minute')
    return int(grown>GROWTH)

if __name__=='__main__': sys.exit(main())
