// An empty module, linked against the CUDA libraries that ONNX Runtime's provider needs, with their folders in its run path:
// requiring it loads them, and the provider, which does not know where they are, then finds them loaded.
#include <node_api.h>

NAPI_MODULE_INIT() { return exports; }
