"Recognize a clip and a stream with an exported file where PyTorch, TensorFlow and ONNX cannot be imported: MODEL CLIP SIGN"
import sys

for name in ('torch', 'tensorflow', 'keras', 'onnx'): sys.modules[name] = None # importing it fails

from asl_nb.clip import Clip
from asl_nb.predict import Recognizer
from asl_nb.stream import StreamRecognizer

model,clip,sign = sys.argv[1:]
recognizer = Recognizer.from_pretrained(model)
signs = [recognizer.predict(clip).sign, *(e.sign for e in StreamRecognizer(recognizer).recognize(Clip.read(clip).lm))]
print(f'{model} without PyTorch: {", ".join(signs)}')
sys.exit(signs!=[sign]*2)
