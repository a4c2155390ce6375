"""Holistic's models in one file, as MediaPipe's Tasks API wants them.

The Tasks API has Holistic, but none of its packages has Holistic's models. MediaPipe 0.10.21 was the last to carry them:
the models of the older `mp.solutions.holistic`, complexity 1, under the Apache License 2.0. `make` takes that package
from the registry, checks its hash, and writes what the Tasks API asks for. The numbers in the models stay as they are:

- models that say nothing of their inputs and outputs get the description that the Tasks API looks for: how a picture's
  0 to 255 become the numbers that the model was trained on;
- the face model finds 468 points, and the Tasks API expects 478, with the irises. The last ten are zeros, which
  `results_to_landmarks` drops;
- it also asks for a model of facial expressions, which nobody here uses. A small one that copies 52 numbers of its input
  takes its place.

    python benchmarks/holistic_task.py                   # makes asl_nb/assets/holistic.task and its license
    python benchmarks/holistic_task.py --check           # makes both anew: the same bytes as the package's?
    python benchmarks/holistic_task.py --wheel FILE.whl  # from a file that is here already

The same package and the same flatbuffers (see constraints.txt) give the same file, byte for byte.
"""
import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as described
from mediapipe.tasks.metadata import schema_py_generated as tflite

from asl_nb.holistic import MODELS
from asl_nb.utils import atomic_path

LICENSE = MODELS.with_name('holistic-LICENSE.txt')
PACKAGE,BUILT_FOR = 'mediapipe==0.10.21',('--python-version','3.11','--platform','manylinux_2_28_x86_64')
SHA256 = '05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3'
BYTE,SIGNED = (0, 255),(127.5, 127.5) # (mean, deviation): a pixel becomes 0 to 1, or -1 to 1
SOURCES = { # its name in the bundle -> where it is in the package, how it wants its pixels
    'face_detector.tflite':('face_detection/face_detection_short_range.tflite', SIGNED),
    'face_landmarks_detector.tflite':('face_landmark/face_landmark.tflite', BYTE),
    'hand_landmarks_detector.tflite':('hand_landmark/hand_landmark_full.tflite', BYTE),
    'hand_roi_refinement.tflite':('holistic_landmark/hand_recrop.tflite', BYTE),
    'pose_detector.tflite':('pose_detection/pose_detection.tflite', SIGNED),
    'pose_landmarks_detector.tflite':('pose_landmark/pose_landmark_full.tflite', BYTE)}
N_FACE,N_FACE_TASKS,N_BLENDSHAPES,N_BLENDSHAPE_POINTS = 468,478,52,146

def download(folder):
    "The package's file, fetched by pip, which checks its hash"
    wanted = Path(folder)/'wanted.txt'
    wanted.write_text(f'{PACKAGE} --hash=sha256:{SHA256}\n')
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--disable-pip-version-check', '--no-deps',
                    '--only-binary=:all:', *BUILT_FOR, '--require-hashes', '-r', wanted, '-d', folder], check=True)
    return next(Path(folder).glob('*.whl'))

def packed(
    table,     # the table that a file holds
    identifier # the four letters that say what is in it
)->bytes:
    "A flatbuffers file"
    builder = flatbuffers.Builder(1<<20)
    builder.Finish(table.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())

def description(
    pixels,   # (mean, deviation)
    n_outputs
)->bytes:
    "What the Tasks API reads about a model: a picture as input, numbers as outputs"
    scaling,unit,content,picture = (getattr(described, f'{name}T')() for name in
                                    ('NormalizationOptions','ProcessUnit','Content','TensorMetadata'))
    scaling.mean,scaling.std = [[float(number)] for number in pixels]
    unit.optionsType,unit.options = described.ProcessUnitOptions.NormalizationOptions,scaling
    content.contentPropertiesType = described.ContentProperties.ImageProperties
    content.contentProperties = described.ImagePropertiesT()
    content.contentProperties.colorSpace = described.ColorSpaceType.RGB
    picture.name,picture.content,picture.processUnits = b'image',content,[unit]
    graph,model = described.SubGraphMetadataT(),described.ModelMetadataT()
    graph.inputTensorMetadata = [picture]
    graph.outputTensorMetadata = [described.TensorMetadataT() for _ in range(n_outputs)]
    for i,output in enumerate(graph.outputTensorMetadata):
        output.name,output.content = f'output{i}'.encode(),described.ContentT()
        output.content.contentPropertiesType = described.ContentProperties.FeatureProperties
        output.content.contentProperties = described.FeaturePropertiesT()
    model.name,model.subgraphMetadata = b'model',[graph]
    return packed(model, b'M001')

def add_buffer(
    model,
    data=b''
)->int: # its number
    "Append bytes to a model"
    buffer = tflite.BufferT()
    if data: buffer.data = np.frombuffer(data, np.uint8)
    model.buffers = [*(model.buffers or []), buffer]
    return len(model.buffers)-1

def add_tensor(
    model, name, shape,
    values=None # int32 constants; None for float32 numbers that are computed
)->int: # its number
    "Append a tensor to a model"
    tensor = tflite.TensorT()
    tensor.name,tensor.shape,tensor.type = name,shape,tflite.TensorType.FLOAT32
    if values is not None: tensor.type,values = tflite.TensorType.INT32,np.array(values, np.int32).tobytes()
    tensor.buffer = add_buffer(model, values or b'')
    graph = model.subgraphs[0]
    graph.tensors = [*(graph.tensors or []), tensor]
    return len(graph.tensors)-1

def add_operator(
    model,
    kind, # `Pad` or `Slice`
    inputs, output
):
    "Append a last step to a model"
    code,operator,graph = tflite.OperatorCodeT(),tflite.OperatorT(),model.subgraphs[0]
    code.builtinCode = code.deprecatedBuiltinCode = getattr(tflite.BuiltinOperator, kind.upper())
    code.version = 1
    model.operatorCodes = [*(model.operatorCodes or []), code]
    operator.opcodeIndex,operator.inputs,operator.outputs = len(model.operatorCodes)-1,inputs,[output]
    operator.builtinOptionsType = getattr(tflite.BuiltinOptions, f'{kind}Options')
    operator.builtinOptions = getattr(tflite, f'{kind}OptionsT')()
    graph.operators = [*(graph.operators or []), operator]

def describe(model, pixels):
    "Add the description, unless the model has one"
    if any(m.name==b'TFLITE_METADATA' for m in model.metadata or []): return
    entry = tflite.MetadataT()
    entry.name,entry.buffer = b'TFLITE_METADATA',add_buffer(model, description(pixels, len(model.subgraphs[0].outputs)))
    model.metadata = [*(model.metadata or []), entry]

def pad_face(model):
    "Add zeros for the points that the face model does not find"
    graph = model.subgraphs[0]
    found,missing = int(graph.outputs[0]),3*(N_FACE_TASKS-N_FACE)
    widths = add_tensor(model, b'paddings', [4,2], [[0,0],[0,0],[0,0],[0,missing]])
    output = add_tensor(model, b'landmarks', [1,1,1,3*N_FACE_TASKS])
    add_operator(model, 'Pad', [found, widths], output)
    graph.outputs = [output, *map(int, graph.outputs[1:])]

def no_expressions():
    "A model in the place of that of facial expressions: the first 52 numbers of its input"
    model,graph = tflite.ModelT(),tflite.SubGraphT()
    model.version,model.subgraphs = 3,[graph]
    add_buffer(model) # the first one is empty in every model
    points = add_tensor(model, b'points', [1,N_BLENDSHAPE_POINTS,2])
    first,size = add_tensor(model, b'first', [3], [0,0,0]),add_tensor(model, b'size', [3], [1,N_BLENDSHAPES,1])
    output = add_tensor(model, b'expressions', [1,N_BLENDSHAPES,1])
    add_operator(model, 'Slice', [points, first, size], output)
    graph.inputs,graph.outputs = [points],[output]
    return model

def bundle(wheel):
    "The bytes of the bundle, from the open package"
    models = {}
    for name,(source,pixels) in SOURCES.items():
        data = wheel.read(f'mediapipe/modules/{source}')
        models[name] = model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAs(data, 0))
        if name.startswith('face_landmarks'): pad_face(model)
        describe(model, pixels)
    models['face_blendshapes.tflite'] = no_expressions()
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as bundled: # MediaPipe reads it uncompressed
        for name,model in models.items(): bundled.writestr(zipfile.ZipInfo(name), packed(model, b'TFL3')) # dated 1980
    return out.getvalue()

def make(
    path # the package's file
)->dict: # file in asl_nb/assets -> its bytes
    "What the package of 0.10.21 gives this project"
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found!=SHA256: raise ValueError(f'{path}: expected the wheel with SHA-256 {SHA256}, found {found}')
    with zipfile.ZipFile(path) as wheel:
        license, = (n for n in wheel.namelist() if n.endswith('.dist-info/LICENSE'))
        return {MODELS:bundle(wheel), LICENSE:wheel.read(license)}

def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--wheel', help=f'the file of {PACKAGE}; fetched by pip if it is not given')
    parser.add_argument('--check', action='store_true', help="compare with the package's files, write nothing")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder: made = make(args.wheel or download(folder))
    for path,data in made.items():
        if not args.check:
            with atomic_path(path) as temporary: temporary.write_bytes(data)
        same = path.read_bytes()==data
        print(f"{path.name}: {len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}{'' if same else ', DIFFERS'}")
        if not same: sys.exit(f'{path}: expected the bytes that were made now, found others')

if __name__=='__main__': main()
