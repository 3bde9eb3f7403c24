"""The graphs that golden.py differentiates: every operator with a gradient, and its variants, in the operator sets where they changed."""

import numpy as np
from onnx import numpy_helper, parser

import own

BATCH = 2
random = np.random.default_rng(0)


def normal(*shape):
    return random.standard_normal(shape).astype(np.float32)


def positive(*shape):
    return random.uniform(0.5, 2, shape).astype(np.float32)


cases = {}


def case(name, body, opsets=17, image=(3, 6, 6), images=None, own=(), functions="", **weights):
    """A graph from `images [N, *image]`, whose last value `y` is flattened to the logits; `own` are operators for the reference."""
    for opset in [opsets] if isinstance(opsets, int) else opsets:
        text = f"""<ir_version: {10 if functions else 8}, opset_import: ["" : {opset}{', "local" : 1' if functions else ""}]>
        g (float[N, {", ".join(map(str, image))}] images) => (float[N, K] logits)
        {{ {body} logits = Flatten<axis = 1>(y) }}
        {functions}"""
        model = parser.parse_model(text)
        for key, value in weights.items():
            value = np.asarray(value)
            if value.dtype == np.float64:
                value = value.astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(value, key))
        given = normal(BATCH, *image) if images is None else images(BATCH, *image)
        label = name if isinstance(opsets, int) else f"{name}, opset {opset}"
        assert label not in cases, label
        cases[label] = (model, given.astype(np.float32), own)


ALL = [9, 11, 13, 17, 21]
NEW = [13, 17, 21]

# Convolutions
case("Conv", "y = Conv(images, w)", ALL, w=normal(4, 3, 3, 3))
case("Conv, padding and bias", "y = Conv<pads = [1, 1, 1, 1]>(images, w, b)", w=normal(4, 3, 3, 3), b=normal(4))
case("Conv, uneven padding", "y = Conv<pads = [0, 1, 2, 1]>(images, w)", w=normal(4, 3, 3, 3))
case("Conv, more padding than filter", "y = Conv<pads = [2, 1, 2, 1]>(images, w)", w=normal(4, 3, 2, 2))
case("Conv, 1x1", "y = Conv(images, w)", w=normal(5, 3, 1, 1))
case("Conv, stride", "y = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(images, w)", w=normal(4, 3, 3, 3))
case("Conv, stride, odd", "y = Conv<strides = [2, 3], pads = [1, 0, 1, 0]>(images, w)", image=(3, 7, 8), w=normal(4, 3, 3, 2))
case("Conv, 1x1 at stride", "y = Conv<strides = [2, 2]>(images, w)", w=normal(5, 3, 1, 1))
case("Conv, stride beyond filter", "y = Conv<strides = [3, 3]>(images, w)", image=(3, 8, 7), w=normal(4, 3, 2, 2))
case("Conv, dilation", "y = Conv<dilations = [2, 1], pads = [2, 1, 2, 1]>(images, w)", w=normal(4, 3, 3, 3))
case("Conv, dilation and stride", "y = Conv<dilations = [2, 2], strides = [2, 2], pads = [2, 2, 2, 2]>(images, w)", image=(3, 8, 8), w=normal(4, 3, 3, 3))
case("Conv, groups", "y = Conv<group = 2, pads = [1, 1, 1, 1]>(images, w)", image=(4, 5, 5), w=normal(6, 2, 3, 3))
case("Conv, depthwise", "y = Conv<group = 4, pads = [1, 1, 1, 1]>(images, w)", image=(4, 5, 5), w=normal(4, 1, 3, 3))
case("Conv, depthwise at stride", "y = Conv<group = 4, strides = [2, 2], pads = [1, 1, 1, 1]>(images, w)", image=(4, 6, 6), w=normal(8, 1, 3, 3))
for pad in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
    case(f"Conv, {pad}", f'y = Conv<auto_pad = "{pad}">(images, w)', w=normal(4, 3, 2, 3))
    case(f"Conv, {pad}, stride", f'y = Conv<auto_pad = "{pad}", strides = [2, 2]>(images, w)', image=(3, 6, 7), w=normal(4, 3, 3, 3))
case("Conv, one dimension", "y = Conv<pads = [1, 1], strides = [2]>(images, w)", image=(3, 9), w=normal(4, 3, 3))
case("ConvTranspose", "y = ConvTranspose(images, w)", ALL, image=(3, 4, 4), w=normal(3, 2, 3, 3))
case("ConvTranspose, stride", "y = ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]>(images, w, b)", image=(3, 4, 4), w=normal(3, 2, 3, 3), b=normal(2))
case("ConvTranspose, stride, uneven", "y = ConvTranspose<strides = [3, 2], pads = [1, 0, 0, 1], output_padding = [2, 0]>(images, w)", image=(3, 4, 4), w=normal(3, 2, 2, 3))
case("ConvTranspose, groups", "y = ConvTranspose<group = 2, strides = [2, 2]>(images, w)", image=(4, 3, 3), w=normal(4, 3, 2, 2), own=[own.ConvTranspose])
case("ConvTranspose, dilation", "y = ConvTranspose<dilations = [2, 2]>(images, w)", image=(3, 4, 4), w=normal(3, 2, 2, 2))
for pad in ["SAME_UPPER", "SAME_LOWER"]:
    case(f"ConvTranspose, {pad}", f'y = ConvTranspose<auto_pad = "{pad}", strides = [2, 2]>(images, w)', image=(3, 4, 4), w=normal(3, 2, 3, 3))
case("ConvTranspose, output_shape", "y = ConvTranspose<output_shape = [10, 8], strides = [3, 2]>(images, w)", image=(3, 3, 3), w=normal(3, 2, 3, 3))

# Normalisation
batch_norm = dict(s=positive(3), b=normal(3), m=normal(3), v=positive(3))
batch_normalization = "y = BatchNormalization<epsilon = 0.1>(images, s, b, m, v)"
case("BatchNormalization", batch_normalization, [9, 11, 13], image=(3, 4, 4), own=[own.BatchNormalization], **batch_norm)
case("BatchNormalization", batch_normalization, [17, 21], image=(3, 4, 4), **batch_norm)
case("BatchNormalization after Conv", "c = Conv(images, w) y = BatchNormalization(c, s, b, m, v)", w=normal(3, 3, 3, 3), image=(3, 4, 4), **batch_norm)
case("BatchNormalization after Conv with bias", "c = Conv<group = 3>(images, w, k) r = BatchNormalization(c, s, b, m, v) y = Tanh(r)", w=normal(3, 1, 3, 3), k=normal(3), image=(3, 4, 4), **batch_norm)
case("BatchNormalization after Conv that is read twice", "c = Conv(images, w) n = BatchNormalization(c, s, b, m, v) y = Add(c, n)", w=normal(3, 3, 3, 3), image=(3, 4, 4), **batch_norm)
case("BatchNormalization of features", "f = Flatten(images) y = BatchNormalization(f, s, b, m, v)", image=(3, 2, 2), s=positive(12), b=normal(12), m=normal(12), v=positive(12))
case("LayerNormalization", "y = LayerNormalization<axis = -1, epsilon = 0.01>(images, s, b)", [17, 21], image=(3, 2, 5), s=positive(5), b=normal(5))
case("LayerNormalization, several axes", "y = LayerNormalization<axis = 2>(images, s)", image=(3, 2, 5), s=positive(2, 5))

# Matrix products
flat = "f = Flatten(images) "
case("Gemm", flat + "y = Gemm(f, w, b)", ALL, image=(2, 2, 3), w=normal(12, 5), b=normal(5))
case("Gemm, transposed filter", flat + "y = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(f, w, b)", image=(2, 2, 3), w=normal(5, 12), b=normal(5))
case("Gemm, transposed input", flat + "t = Transpose(f) g = Gemm<transA = 1>(t, w) y = Identity(g)", image=(2, 2, 3), w=normal(12, 5))
case("Gemm, both transposed", flat + "t = Transpose(f) y = Gemm<transA = 1, transB = 1>(t, w)", image=(2, 2, 3), w=normal(5, 12))
case("Gemm, images on the right", "f = Flatten(images) t = Transpose(f) g = Gemm<alpha = 2.0>(w, t) y = Transpose(g)", image=(2, 2, 3), w=normal(5, 12))
case("Gemm, images added", flat + "y = Gemm<beta = 3.0, transB = 1>(f, w, f)", image=(2, 1, 3), w=normal(6, 6))
case("Gemm of two", flat + "g = Gemm<transA = 1>(f, f) y = MatMul(f, g)", image=(2, 1, 3))
case("Gemm of two, transposed", flat + "t = Transpose(f) g = Gemm<transB = 1, alpha = 0.5>(t, t) y = MatMul(f, g)", image=(2, 1, 3))
case("MatMul", "y = MatMul(images, w)", ALL, image=(2, 3, 4), w=normal(4, 5))
case("MatMul, broadcast stacks", "y = MatMul(images, w)", image=(2, 3, 4), w=normal(2, 4, 5))
case("MatMul, images on the right", "y = MatMul(w, images)", image=(2, 3, 4), w=normal(5, 3))
case("MatMul, vector", "y = MatMul(images, w)", image=(2, 3, 4), w=normal(4))
case("MatMul, vector on the left", "y = MatMul(w, images)", image=(2, 3, 4), w=normal(3))
case("MatMul of two", "t = Transpose<perm = [0, 1, 3, 2]>(images) y = MatMul(images, t)", image=(2, 3, 4))
case("MatMul of two, repeated stack", "m = ReduceMean<axes = [1], keepdims = 1>(images) t = Transpose<perm = [0, 1, 3, 2]>(m) y = MatMul(images, t)", image=(2, 3, 4))

# Arithmetic, with broadcasting both ways
for op in ["Add", "Sub", "Mul", "Div"]:
    case(op, f"y = {op}(images, w)", ALL, image=(3, 2, 2), w=positive(3, 1, 1))
    case(f"{op}, images second", f"y = {op}(w, images)", image=(3, 2, 2), images=positive, w=normal(1, 3, 2, 2))
    case(f"{op} of two, one repeated", f"m = ReduceMean<axes = [2, 3], keepdims = 1>(images) y = {op}(images, m)", image=(2, 2, 3), images=positive)
    case(f"{op} of two, one without the batch's axis", f"m = ReduceSum(images, a) y = {op}(m, images)", 13, image=(2, 2, 3), images=positive, a=np.array([0]))
    case(f"{op}, images smaller", f"y = {op}(images, w)", image=(1, 2, 1), images=positive, w=positive(3, 2, 3))
case("Sum", "y = Sum(images, w, images)", image=(2, 2, 2), w=normal(2, 1))
case("Pow, square", "y = Pow(images, p)", ALL, image=(2, 2, 3), p=np.float32(2))
case("Pow, root", "y = Pow(images, p)", image=(2, 2, 3), images=positive, p=np.float32(0.5))
case("Pow, integer exponent", "y = Pow(images, p)", image=(2, 2, 3), p=np.array(3, np.int64))
case("Pow, many exponents", "y = Pow(images, p)", image=(2, 2, 3), images=positive, p=positive(3))
case("Pow of two", "y = Pow(images, images)", image=(2, 2, 3), images=positive)
case("Max", "y = Max(images, w)", image=(2, 2, 3), w=normal(3))
case("Min", "y = Min(images, w)", image=(2, 2, 3), w=normal(3))
case("Where", "c = Greater(images, w) n = Neg(images) y = Where(c, images, n)", image=(2, 2, 3), w=normal(3))
case("PRelu", "y = PRelu(images, w)", image=(2, 2, 3), w=positive(2, 1, 1))

# Functions
case("Erf", "y = Erf(images)", image=(2, 2, 4), own=[own.Erf])
for op in ["Neg", "Exp", "Relu", "Sigmoid", "Tanh", "Softplus", "Abs"]:
    case(op, f"y = {op}(images)", [9, 17] if op == "Relu" else 17, image=(2, 2, 4))
for op in ["Sqrt", "Log", "Reciprocal"]:
    case(op, f"y = {op}(images)", image=(2, 2, 4), images=positive)
case("LeakyRelu", "y = LeakyRelu<alpha = 0.2>(images)", image=(2, 2, 4))
case("LeakyRelu, default", "y = LeakyRelu(images)", image=(2, 2, 4))
case("Elu", "y = Elu<alpha = 0.7>(images)", image=(2, 2, 4))
case("HardSigmoid", "s = Mul(images, w) y = HardSigmoid<alpha = 0.3, beta = 0.4>(s)", image=(2, 3, 4), w=np.float32(2))
case("HardSigmoid, default", "s = Mul(images, w) y = HardSigmoid(s)", image=(2, 3, 4), w=np.float32(3))
case("HardSwish", "s = Mul(images, w) y = HardSwish(s)", [17, 21], image=(3, 3, 4), w=np.float32(4))
case("Gelu", "y = Gelu(images)", [20, 21], image=(2, 3, 4), own=[own.Gelu])
case("Gelu, tanh", 'y = Gelu<approximate = "tanh">(images)', 20, image=(2, 3, 4), own=[own.Gelu])
case("Clip", "y = Clip<min = -0.5, max = 0.75>(images)", 9, image=(2, 3, 4))
case("Clip, bounds as inputs", "y = Clip(images, low, high)", [11, 13, 17, 21], image=(2, 3, 4), low=np.float32(-0.5), high=np.float32(0.75))
case("Clip, lower bound only", "y = Clip(images, low)", image=(2, 3, 4), low=np.float32(0))
case("Clip, upper bound only", "y = Clip<max = 0.5>(images)", 9, image=(2, 3, 4))

# Pooling
case("MaxPool", "y = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(images)", ALL)
case("MaxPool, overlapping", "y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(images)")
case("MaxPool, ceil_mode", "y = MaxPool<kernel_shape = [3, 2], strides = [2, 2], ceil_mode = 1>(images)", image=(2, 6, 5))
case("MaxPool, dilation", "y = MaxPool<kernel_shape = [2, 2], dilations = [2, 2]>(images)")
case("MaxPool, SAME_UPPER", 'y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER">(images)')
for include in [0, 1]:
    padded = f"kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = {include}"
    case(f"AveragePool, padding, count_include_pad {include}", f"y = AveragePool<{padded}>(images)", [11, 21])
    case(f"AveragePool, SAME_LOWER, count_include_pad {include}", f'y = AveragePool<kernel_shape = [2, 3], auto_pad = "SAME_LOWER", count_include_pad = {include}>(images)')
case("AveragePool", "y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(images)", ALL)
case("AveragePool, ceil_mode and padding", "y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1>(images)", image=(2, 6, 8))
case("AveragePool, ceil_mode", "y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(images)", image=(2, 5, 5))
case("AveragePool, rows left over", "y = AveragePool<kernel_shape = [2, 3], strides = [2, 3]>(images)", image=(2, 5, 7))
case("AveragePool, stride 1", "y = AveragePool<kernel_shape = [3, 3], strides = [1, 1], pads = [1, 1, 1, 1]>(images)")
case("AveragePool, SAME_UPPER", 'y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER">(images)')
case("AveragePool, one dimension", "y = AveragePool<kernel_shape = [2], strides = [2]>(images)", image=(3, 8))
case("GlobalAveragePool", "y = GlobalAveragePool(images)", ALL, image=(3, 4, 3))
case("GlobalMaxPool", "y = GlobalMaxPool(images)", ALL, image=(3, 4, 3))

# Reductions
for op in ["ReduceMean", "ReduceSum"]:
    case(f"{op}, axes as attribute", f"y = {op}<axes = [2, 3]>(images)", [9, 11] if op == "ReduceSum" else [9, 11, 13, 17], image=(3, 2, 4))
    case(f"{op}, axes as input", f"y = {op}(images, a)", NEW if op == "ReduceSum" else [18, 21], image=(3, 2, 4), a=np.array([1, 3]))
    case(f"{op}, no axes kept", f"r = {op}<keepdims = 0>(images, a) y = Unsqueeze(r, one)", 18, image=(3, 2, 4), a=np.array([-1, 1]), one=np.array([1]))
case("ReduceSum over the batch", "r = ReduceSum(images, a) y = Mul(images, r)", image=(1, 2, 3), a=np.array([0]))
case("ReduceSum over everything", "r = ReduceSum<keepdims = 0>(images) y = Mul(images, r)", image=(1, 2, 3))
case("ReduceSum over nothing", "y = ReduceSum<noop_with_empty_axes = 1>(images, a)", image=(1, 2, 3), a=np.array([], np.int64))
for op in ["Softmax", "LogSoftmax"]:
    for opsets, ops in [([9, 11], [getattr(own, op)]), (NEW, [])]:
        case(op, f"y = {op}(images)", opsets, image=(2, 2, 3), own=ops)
        case(f"{op}, axis", f"y = {op}<axis = 1>(images)", opsets, image=(3, 2, 2), own=ops)
        case(f"{op}, negative axis", f"y = {op}<axis = -2>(images)", opsets[1:], image=(3, 3, 2), own=ops)

# Shapes
case("Flatten", "f = Flatten<axis = 2>(images) u = Reshape(f, s) y = Tanh(u)", ALL, image=(2, 2, 3), s=np.array([-1, 12]))
case("Reshape", "t = Tanh(images) y = Reshape(t, s)", ALL, image=(2, 2, 3), s=np.array([0, 3, -1]))
case("Reshape that joins the batch", "r = Reshape(images, s) t = Mul(r, w) y = Reshape(t, u)", image=(2, 2, 3), s=np.array([-1, 3]), w=normal(3), u=np.array([-1, 12]))
case("Squeeze, axes as attribute", "t = Tanh(images) y = Squeeze<axes = [2]>(t)", [9, 11], image=(3, 1, 4))
case("Squeeze", "t = Tanh(images) y = Squeeze(t, a)", NEW, image=(3, 1, 4), a=np.array([-2]))
case("Unsqueeze, axes as attribute", "t = Tanh(images) y = Unsqueeze<axes = [2, 3]>(t)", [9, 11], image=(3, 1, 4))
case("Unsqueeze", "t = Tanh(images) y = Unsqueeze(t, a)", NEW, image=(3, 1, 4), a=np.array([-1, 1]))
case("Transpose", "t = Transpose<perm = [0, 2, 3, 1]>(images) y = Mul(t, w)", ALL, image=(2, 3, 4), w=normal(3, 4, 2))
case("Transpose, batch inside", "t = Transpose<perm = [2, 3, 0, 1]>(images) m = Mul(t, w) y = Transpose<perm = [2, 0, 3, 1]>(m)", image=(2, 3, 4), w=normal(3, 4, 1, 2))
case("Transpose, reversed", "t = Transpose(images) y = Transpose(t)", image=(2, 3, 4))
case("Identity", "i = Identity(images) y = Tanh(i)", image=(1, 2, 2))
case("Dropout", "i = Dropout<ratio = 0.3>(images) y = Tanh(i)", [9, 11], image=(1, 2, 2))
case("Dropout, ratio as input", "i = Dropout(images, r, t) y = Tanh(i)", NEW, image=(1, 2, 2), r=np.float32(0.3), t=np.array(False))
case("Cast", "i = Cast<to = 1>(images) y = Tanh(i)", image=(1, 2, 2))
case("Expand", "e = Expand(images, s) y = Mul(e, w)", ALL, image=(1, 2, 1), s=np.array([1, 3, 2, 3]), w=normal(3, 2, 3))
case("Expand, new axis", "e = Expand(images, s) t = Transpose<perm = [1, 0, 2, 3, 4]>(e) y = Mul(t, w)", image=(1, 2, 1), s=np.array([3, 1, 2, 2, 1]), w=normal(3, 2, 2, 1))
case("Constant", "c = Constant<value = float[3] {1.0, -2.0, 0.5}>() y = Mul(images, c)", ALL, image=(1, 2, 3))
case(
    "a shape computed from the images'",
    "s = Shape(images) b = Gather(s, zero) u = Unsqueeze(b, zeros) k = Constant<value = int64[1] {-1}>() n = Concat<axis = 0>(u, k) t = Tanh(images) y = Reshape(t, n)",
    NEW, image=(2, 2, 3), zero=np.array(0), zeros=np.array([0]),
)
case(
    "an Expand to a shape computed from the batch",
    "s = Shape(images) b = Slice(s, zero, one) n = Concat<axis = 0>(b, rest) e = Expand(token, n) c = Concat<axis = 2>(e, images) y = Tanh(c)",
    image=(2, 2, 3), zero=np.array([0]), one=np.array([1]), rest=np.array([2, 1, 3]), token=normal(1, 2, 1, 3),
)

# Parts
case("Concat", "e = Shape(images) n = Slice(e, zero, one) s = Concat<axis = 0>(n, rest) w = Expand(token, s) t = Tanh(images) y = Concat<axis = 1>(images, w, t)", image=(2, 2, 3), token=normal(1, 1, 2, 3), zero=np.array([0]), one=np.array([1]), rest=np.array([1, 2, 3]))
case("Concat, negative axis", "t = Tanh(images) y = Concat<axis = -1>(t, images)", ALL, image=(2, 2, 3))
case("Split", "a, b = Split<axis = 1>(images) y = Mul(a, b)", [9, 11, 13, 17], image=(4, 2, 2))
case("Split, sizes as attribute", "a, b = Split<axis = -1, split = [1, 3]>(images) y = Mul(a, b)", [9, 11], image=(2, 2, 4))
case("Split, sizes", "a, b = Split<axis = -1>(images, s) y = Mul(a, b)", NEW, image=(2, 2, 4), s=np.array([1, 3]))
case("Split, one part unused", "a, b, c = Split<axis = 1>(images, s) y = Mul(a, c)", image=(4, 2, 2), s=np.array([1, 2, 1]))
case("Split, num_outputs", "a, b = Split<axis = 3, num_outputs = 2>(images) y = Sub(a, b)", [18, 21], image=(2, 2, 4))
case("Slice, attributes", "s = Slice<starts = [1, -3], ends = [4, 100], axes = [2, 3]>(images) y = Tanh(s)", 9, image=(2, 5, 4))
slices = {
    "": ([1, 0], [4, 3], [2, 3], [1, 1]),
    ", negative": ([-3, 1], [-1, 1000], [-2, -1], [1, 1]),
    ", steps": ([0, 1], [2**31, 2**63 - 1], [2, 3], [2, 3]),
    ", backwards": ([-1, 4], [-(2**31), 0], [2, 3], [-1, -2]),
    ", with the batch": ([0, 1], [2**63 - 1, 3], [0, 1], [1, 1]),
}
for variant, (starts, ends, axes, steps) in slices.items():
    case(f"Slice{variant}", "s = Slice(images, starts, ends, axes, steps) y = Tanh(s)", [11, 17, 21], image=(3, 5, 6),
         starts=np.array(starts), ends=np.array(ends), axes=np.array(axes), steps=np.array(steps))
case("Slice, no axes", "s = Slice(images, starts, ends) y = Tanh(s)", image=(3, 4, 4), starts=np.array([0, 1]), ends=np.array([2**31 - 1, 3]))
case("Gather, one", "g = Gather<axis = 1>(images, i) y = Tanh(g)", ALL, image=(3, 2, 4), i=np.array(1))
case("Gather, negative", "g = Gather<axis = -1>(images, i) y = Tanh(g)", image=(3, 2, 4), i=np.array([-1]))
case("Gather, run", "g = Gather<axis = 2>(images, i) y = Tanh(g)", image=(3, 5, 2), i=np.array([2, 3]))
case("Gather, repeated", "g = Gather<axis = 3>(images, i) y = Tanh(g)", image=(2, 2, 4), i=np.array([[3, 0, 3], [1, 1, 3]]))
case("Pad, attributes", "p = Pad<pads = [0, 1, 0, 2, 0, 0, 3, 0]>(images) y = Tanh(p)", 9, image=(2, 3, 2))
case("Pad", "p = Pad(images, pads, v) y = Tanh(p)", [11, 13, 17, 21], image=(2, 3, 2), pads=np.array([0, 1, 0, 2, 0, 0, 3, 0]), v=np.float32(0.5))
case("Pad, negative", "p = Pad(images, pads) y = Tanh(p)", image=(2, 4, 3), pads=np.array([0, 0, -1, 1, 0, 0, -1, -1]), own=[own.Pad])
case("Pad, axes", "p = Pad(images, pads, v, axes) y = Tanh(p)", [18, 21], image=(2, 3, 2), pads=np.array([1, 2, 0, 1]), v=np.float32(0), axes=np.array([-1, 1]))
for mode in ["reflect", "edge"]:
    case(f"Pad, {mode}", f'p = Pad<mode = "{mode}">(images, pads) y = Mul(p, w)', [11, 17, 21], image=(2, 4, 3), pads=np.array([0, 0, 2, 1, 0, 0, 3, 0]), w=normal(2, 9, 4))
case("Pad, wrap", 'p = Pad<mode = "wrap">(images, pads) y = Mul(p, w)', 19, image=(2, 4, 3), pads=np.array([0, 0, 2, 1, 0, 0, 3, 0]), w=normal(2, 9, 4))
