"The Keras models. Any of its modules loads TensorFlow, here, in the one order that works: see asl_nb.utils"
from ..utils import require_tensorflow

require_tensorflow()
