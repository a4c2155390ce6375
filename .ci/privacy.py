"Run the commands where there is no network, and fail if one tries to reach any; needs Linux, takes a few minutes"
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LIMIT = 900 # seconds for one command
PLAIN = ('PATH', 'LANG', 'LC_ALL') # of the environment: libraries stay silent where CI, DO_NOT_TRACK or a proxy is set

VIDEO = """
from skimage.data import astronaut
from asl_nb.video import write_video
write_video('videos/hello/me.mp4', [astronaut()[:400, i:400+i] for i in range(12)], 12)
"""
MODULES = """
import asl_nb, importlib, pkgutil
for m in pkgutil.walk_packages(asl_nb.__path__, 'asl_nb.'): importlib.import_module(m.name)
"""
LIGHTNING = """
from asl_nb.config import Config
from asl_nb.lightning_trainer import ASLDataModule,LightningBaseModel,make_lightning_trainer
cfg = Config(EPOCHS=1, DEVICE='cpu')
data = ASLDataModule('data', cfg, 'LSTMPredictor')
make_lightning_trainer(cfg, 'lightning').fit(LightningBaseModel(n_classes=3, cfg=cfg, model_name='LSTMPredictor'), data)
"""
COMMANDS = { # what is done -> as typed, or as Python; each has the files of those before it
    'a video':    VIDEO,
    'demo':       'asl demo',
    'predict':    'asl predict videos/hello/me.mp4',
    'annotate':   'asl annotate videos/hello/me.mp4 --out signed.mp4',
    'camera':     'asl camera --camera videos/hello/me.mp4 --save camera.mp4',
    'extract':    'asl data extract videos --out mine --signer me',
    'synth':      'asl data synth --out data --signs 3 --signers 6 --clips 2',
    'train':      'asl train --data data --out run EPOCHS=1',
    'evaluate':   'asl evaluate --checkpoint run --data data',
    'Keras':      'asl train --data data --out keras --model LSTMPredictor --framework tensorflow EPOCHS=1',
    'Lightning':  LIGHTNING,
    'tune':       'asl tune --data data --out search --trials 1 --max-epochs 1 --no-folds',
    'export':     'asl export everyday-11 --to onnx --out model.onnx',
    'exported':   'asl predict videos/hello/me.mp4 --checkpoint model.onnx',
    'TFLite':     'asl export run --to tflite --out model.tflite',
    'submission': 'asl export run --to kaggle --out submission.zip',
    'imports':    MODULES}
PROBES = { # attempts of every kind, that must be seen
    'TCP':         "import socket; socket.create_connection(('192.0.2.1', 80))",
    'UDP':         "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('192.0.2.1', 80))",
    'IPv6':        "import socket; socket.create_connection(('2001:db8::1', 80))",
    'a name':      "import socket; socket.getaddrinfo('example.com', 80)",
    'native code': "import av; av.open('http://192.0.2.1/a.mp4')"}

def in_namespace():
    "Start this script again as the only one in a network without interfaces; its exit code"
    if sys.platform!='linux' or not shutil.which('unshare'):
        sys.exit('privacy: expected Linux with the program unshare (of util-linux), found none: nothing was tested')
    apart = 'unshare', '--map-root-user', '--net', '--mount'
    if subprocess.run([*apart, 'true']).returncode:
        sys.exit('privacy: expected a network namespace, found that none is allowed here: nothing was tested')
    return subprocess.run([*apart, sys.executable, __file__, 'apart']).returncode

def raise_loopback():
    "Bring up the loopback, which Ray needs, and without which attempts by IPv6 are not counted"
    set_flags,up = 0x8914,1 # SIOCSIFFLAGS, IFF_UP of Linux
    with socket.socket(type=socket.SOCK_DGRAM) as s: fcntl.ioctl(s, set_flags, struct.pack('16sh22x', b'lo', up))

def ask_outside(tmp):
    "Have names looked up at an outside address only, as loopback is not counted, nor a resolver's socket"
    for name,text in (('resolv.conf', 'nameserver 192.0.2.53\n'), ('nsswitch.conf', 'hosts: files dns\n')):
        (tmp/name).write_text(text)
        if subprocess.run(['mount', '--bind', tmp/name, f'/etc/{name}']).returncode:
            sys.exit(f'privacy: expected to replace /etc/{name} in the namespace: nothing was tested')

def attempts():
    "How often anything here tried to reach another machine so far"
    names,values = (line.split() for line in open('/proc/net/snmp') if line.startswith('Ip:'))
    by_ipv6 = dict(line.split() for line in open('/proc/net/snmp6'))['Ip6OutNoRoutes']
    return int(dict(zip(names, values))['OutNoRoutes'])+int(by_ipv6)

def run(words, tmp):
    "Run a command of `asl` or Python: exit code, attempts, what was printed"
    command,*more = words.split()
    cmd = [BIN/'asl', *more] if command=='asl' else [sys.executable, '-c', words]
    env = {k:os.environ[k] for k in PLAIN if k in os.environ}
    env |= dict(HOME=str(tmp), RAY_TMPDIR=str(tmp), PYTHONPATH=str(ROOT))
    before = attempts()
    with open(tmp/'log', 'w+') as log:
        rc = subprocess.run(cmd, cwd=tmp, env=env, stdout=log, stderr=log, timeout=LIMIT).returncode
        log.seek(0)
        return rc,attempts()-before,log.read()

def silent(name, words, tmp):
    "Whether a command succeeds without an attempt; one line says so"
    start = time.monotonic()
    rc,tried,said = run(words, tmp)
    print(f'{name}: {tried or "no"} attempts to reach another machine, {time.monotonic()-start:.0f} s', flush=True)
    if rc: print(f'{name}: failed with {rc}', *said.splitlines()[-20:], sep='\n')
    if tried: print(f'{name}: strace -f -e trace=connect,sendto,sendmmsg shows who tries')
    return not rc and not tried

def main():
    if sys.argv[1:]!=['apart']: return in_namespace()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        raise_loopback()
        ask_outside(tmp)
        unseen = [name for name,code in PROBES.items() if not run(code, tmp)[1]]
        if unseen: sys.exit(f'privacy: expected attempts to be counted, found these were not: {", ".join(unseen)}')
        print(f'counted here: {", ".join(PROBES)}', flush=True)
        failed = [name for name,words in COMMANDS.items() if not silent(name, words, tmp)]
    print(f'{len(COMMANDS)-len(failed)} passed, {len(failed)} failed')
    return int(bool(failed))

if __name__=='__main__': sys.exit(main())
