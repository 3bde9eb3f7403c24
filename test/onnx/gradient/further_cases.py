"""More graphs for golden.py: activations, reductions, normalisations, indexing, resizing, attention, number types and local functions."""

import numpy as np
from cases import NEW, case, normal, positive

import own


def eighths(*shape):
    """Numbers that float16 and bfloat16 hold exactly."""
    return np.round(normal(*shape) * 8) / 8


# Activations
for op, since in [("Selu", 9), ("Celu", 12), ("ThresholdedRelu", 11), ("Softsign", 9), ("Mish", 18), ("Swish", 24), ("Shrink", 9)]:
    opsets = [since, 17, 21] if since < 17 else since
    case(f"{op}, default", f"s = Mul(images, w) y = {op}(s)", opsets, image=(2, 3, 4), w=np.float32(2), own=[own.Swish] if op == "Swish" else [])
case("Selu", "y = Selu<alpha = 1.2, gamma = 0.8>(images)", image=(2, 2, 4))
case("Celu", "y = Celu<alpha = 0.6>(images)", image=(2, 2, 4))
case("ThresholdedRelu", "y = ThresholdedRelu<alpha = 0.3>(images)", image=(2, 2, 4))
case("Shrink", "y = Shrink<lambd = 0.4, bias = 0.2>(images)", image=(2, 2, 4))
case("Swish", "y = Swish<alpha = 1.7>(images)", 24, image=(2, 2, 4), own=[own.Swish])
for op in ["Round", "Floor", "Ceil", "Sign"]:
    case(f"{op}, which has no slope", f"r = {op}(images) y = Mul(r, images)", image=(2, 2, 4))

# Several operands
for op in ["Max", "Min", "Mean"]:
    case(f"{op} of three", f"n = Neg(images) y = {op}(images, w, n, images)", [9, 13, 21], image=(2, 2, 3), w=normal(2, 1))
    case(f"{op} of one", f"m = {op}(images) y = Mul(m, m)", image=(2, 2, 3))
case("Mod", "y = Mod<fmod = 1>(images, w)", image=(2, 2, 3), w=positive(3))
case("Mod, images second", "y = Mod<fmod = 1>(w, images)", image=(2, 2, 3), images=positive, w=normal(2, 1) * 3)

# Reductions
for op in ["ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd"]:
    images = positive if op == "ReduceLogSum" else None
    case(f"{op}, axes as attribute", f"r = {op}<axes = [2, -1]>(images) y = Mul(r, images)", [9, 13, 17], image=(3, 2, 4), images=images)
    case(f"{op}, axes as input", f"r = {op}(images, a) y = Mul(r, images)", [18, 21], image=(3, 2, 4), images=images, a=np.array([1, -1]))
    case(f"{op}, no axes kept", f"y = {op}<axes = [3, 1], keepdims = 0>(images)", image=(3, 2, 4), images=images)
    case(f"{op} over everything", f"r = {op}<keepdims = 0>(images) y = Mul(images, r)", [17, 20], image=(1, 2, 3), images=images)
case("ReduceProd, one 0", "y = ReduceProd<axes = [3]>(images)", image=(1, 2, 3), images=lambda *s: normal(*s) * (np.indices(s).sum(0) % 3 > 0))
case("ReduceProd, two 0", "y = ReduceProd<axes = [3]>(images)", image=(1, 3, 4), images=lambda *s: normal(*s) * (np.indices(s).sum(0) % 3 > 0))

# Normalisation
instance = dict(s=positive(3), b=normal(3))
case("InstanceNormalization", "y = InstanceNormalization<epsilon = 0.01>(images, s, b)", [9, 13, 17, 22], image=(3, 3, 4), **instance)
case("InstanceNormalization, one dimension", "y = InstanceNormalization(images, s, b)", image=(3, 7), **instance)
case("GroupNormalization, scale of groups", "y = GroupNormalization<num_groups = 2, epsilon = 0.01>(images, s, b)", [18, 20], image=(4, 2, 3), s=positive(2), b=normal(2))
case("GroupNormalization, scale of channels", "y = GroupNormalization<num_groups = 2, epsilon = 0.01>(images, s, b)", [21, 23], image=(4, 2, 3), s=positive(4), b=normal(4), own=[own.GroupNormalization])
case("RMSNormalization", "y = RMSNormalization<epsilon = 0.01>(images, s)", 23, image=(3, 2, 5), s=positive(5))
case("RMSNormalization, several axes", "y = RMSNormalization<axis = 2>(images, s)", 23, image=(3, 2, 5), s=positive(2, 5))
for p in [1, 2]:
    case(f"LpNormalization, p {p}", f"y = LpNormalization<p = {p}, axis = 1>(images)", [9, 17, 21], image=(3, 2, 4), own=[own.LpNormalization])
case("LpNormalization, default", "y = LpNormalization(images)", image=(3, 2, 4))
case("LRN", "y = LRN<size = 3, alpha = 0.7, beta = 0.6, bias = 1.5>(images)", [9, 13, 21], image=(6, 2, 3), own=[own.LRN])
case("LRN, most channels", "y = LRN<size = 5, alpha = 2.0>(images)", image=(4, 2, 3), own=[own.LRN])

# Places
reversal = np.array([2, 1, 0])
# Places `i` of one image, repeated for all.
follow = "shape = Shape(images) number = Slice(shape, nought, unit) whole = Concat<axis = 0>(number, rest) j = Expand(i, whole) "
ends = dict(nought=np.array([0]), unit=np.array([1]))
case("Gather, permutation", "g = Gather<axis = 1>(images, i) y = Mul(g, w)", [9, 17], image=(3, 2, 3), i=np.array([2, 0, 1]), w=normal(3, 1, 1))
case("Gather, places of the images", "a = ArgMax<axis = 1>(images) g = Gather<axis = 0>(w, a) p = Squeeze(g, one) y = Mul(p, images)", image=(3, 2, 2), w=normal(3, 1), one=np.array([-1]))
case("Gather, places that follow the batch", "s = Shape(images) b = Slice(s, zero, one) q = Squeeze(b) r = Range(nought, q, unit) g = Gather<axis = 0>(images, r) y = Mul(g, g)", image=(2, 2, 2), zero=np.array([0]), one=np.array([1]), nought=np.array(0), unit=np.array(1))
case("GatherElements", follow + "g = GatherElements<axis = 2>(images, j) y = Mul(g, g)", [11, 13, 21], image=(2, 3, 2), i=np.array([[[[0, 2], [-1, 0]], [[1, 1], [0, 2]]]]), rest=np.array([2, 2, 2]), **ends)
case("GatherElements, places of the images", "a = ArgMin<axis = 3>(images) g = GatherElements<axis = 3>(images, a) y = Mul(g, g)", image=(2, 3, 3))
case("GatherND, channels reversed", "t = Transpose<perm = [1, 0, 2, 3]>(images) g = GatherND(t, i) u = Transpose<perm = [1, 0, 2, 3]>(g) y = Mul(u, w)", [12, 17, 21], image=(3, 2, 2), i=reversal[:, None], w=normal(3, 1, 1))
case("GatherND, several axes", "t = Transpose<perm = [1, 2, 0, 3]>(images) g = GatherND(t, i) u = Transpose<perm = [1, 0, 2]>(g) y = Mul(u, u)", image=(3, 2, 2), i=np.array([[0, 1], [2, 0], [0, 1]]))
case("GatherND, axes in common", follow + "g = GatherND<batch_dims = 2>(images, j) y = Mul(g, g)", image=(2, 3, 2), i=np.array([[[[0], [2]], [[1], [1]]]]), rest=np.array([2, 2, 1]), **ends)
case("ScatterND", "t = Transpose<perm = [1, 0, 2, 3]>(images) q = Mul(t, t) p = Slice(q, zero, two) u = ScatterND(t, i, p) y = Transpose<perm = [1, 0, 2, 3]>(u)", [11, 16, 18], image=(3, 2, 2), i=np.array([[2], [0]]), zero=np.array([0]), two=np.array([2]))
case("ScatterND, add", 't = Transpose<perm = [1, 0, 2, 3]>(images) q = Mul(t, t) p = Slice(q, zero, two) u = ScatterND<reduction = "add">(t, i, p) y = Transpose<perm = [1, 0, 2, 3]>(u)', [16, 18], image=(3, 2, 2), i=np.array([[1], [1]]), zero=np.array([0]), two=np.array([2]))
scattered = dict(image=(2, 2, 3), i=np.array([[[[2, 0], [1, -1]], [[0, 1], [2, 1]]]]), rest=np.array([2, 2, 2]), **ends, zero=np.array([0]), two=np.array([2]), three=np.array([3]))
case("ScatterElements", follow + "q = Mul(images, images) p = Slice(q, zero, two, three) y = ScatterElements<axis = 3>(images, j, p)", [11, 17, 21], **scattered)
case("ScatterElements, add", follow + 'q = Mul(images, images) p = Slice(q, zero, two, three) y = ScatterElements<axis = -1, reduction = "add">(images, j, p)', [17, 18], **scattered)
case("Scatter", "a = ArgMax<axis = 3>(images) q = ReduceProd<axes = [3]>(images) y = Scatter<axis = 3>(images, a, q)", 9, image=(1, 2, 3), own=[own.Scatter])
case("TopK", "v, i = TopK<axis = 1>(images, k) y = Mul(v, w)", [10, 11, 17, 21], image=(4, 2, 2), k=np.array([2]), w=normal(2, 1, 1))
case("TopK, smallest", "v, i = TopK<largest = 0>(images, k) y = Mul(v, w)", image=(2, 2, 4), k=np.array([3]), w=normal(3))

# Arrangement
case("Tile", "t = Tile(images, r) y = Mul(t, w)", [9, 13, 21], image=(2, 2, 3), r=np.array([1, 2, 1, 3]), w=normal(4, 2, 9))
case("DepthToSpace", "d = DepthToSpace<blocksize = 2>(images) y = Mul(d, w)", [9, 13], image=(8, 2, 1), w=normal(4, 2))
case("DepthToSpace, columns first", 'd = DepthToSpace<blocksize = 2, mode = "CRD">(images) y = Mul(d, w)', [11, 17], image=(8, 2, 1), w=normal(4, 2))
case("SpaceToDepth", "d = SpaceToDepth<blocksize = 2>(images) y = Mul(d, w)", [9, 17], image=(2, 4, 2), w=normal(8, 1, 1))
case("Trilu", "t = Trilu(images) y = Mul(t, images)", image=(2, 3, 3))
case("Trilu, lower", "t = Trilu<upper = 0>(images, k) y = Mul(t, images)", image=(2, 3, 4), k=np.array(-1))
case("CumSum", "c = CumSum(images, a) y = Mul(c, c)", [11, 17], image=(2, 3, 2), a=np.array(2))
case("CumSum, exclusive and reverse", "c = CumSum<exclusive = 1, reverse = 1>(images, a) y = Mul(c, c)", image=(2, 3, 2), a=np.array(-1))

# Sums of products
for name, equation, inputs, weights in [
    ("matrix", "bchw,wk->bchk", "images, w", dict(w=normal(3, 4))),
    ("no output named", "bchw,wk", "images, w", dict(w=normal(3, 4))),
    ("of two", "bchw,bdhw->bcd", "images, images", {}),
    ("summed alone", "bchw,cd->bd", "images, w", dict(w=normal(2, 4))),
    ("three", "bchw,wk,cd->bdhk", "images, w, v", dict(w=normal(3, 2), v=normal(2, 2))),
    ("ellipsis", "...w,kw->...k", "images, w", dict(w=normal(4, 3))),
    ("extent of 1", "bchw,bchw->bch", "images, w", dict(w=normal(1, 2, 1, 3))),
]:
    case(f"Einsum, {name}", f'y = Einsum<equation = "{equation}">({inputs})', [12, 21] if name == "matrix" else 17, image=(2, 2, 3), **weights)
case("Einsum, diagonal", 'y = Einsum<equation = "bcii->bci">(images)', image=(2, 3, 3))
case("Einsum, trace", 'y = Einsum<equation = "bcii,cd->bd">(images, w)', image=(2, 3, 3), w=normal(2, 3))
case("Einsum, images of extent 1", 'y = Einsum<equation = "bchw,chw->bchw">(images, w)', image=(1, 2, 1), w=normal(3, 2, 4))

# Resizing
for opset in [7, 9]:
    scales = "s = Constant<value = float[4] {1.0, 1.0, 2.0, 3.0}>()" if opset == 9 else ""
    for mode in ["nearest", "linear"]:
        call = f'Upsample<mode = "{mode}">(images, s)' if opset == 9 else f'Upsample<mode = "{mode}", scales = [1.0, 1.0, 2.0, 3.0]>(images)'
        case(f"Upsample, {mode}, opset {opset}", f"{scales} u = {call} y = Mul(u, w)", [opset], image=(2, 3, 2), w=normal(6, 6), own=[own.Upsample])
for mode in ["nearest", "linear"]:
    case(f"Resize, {mode}", f'u = Resize<mode = "{mode}">(images, s) y = Mul(u, w)', [10], image=(2, 3, 2), s=np.array([1, 1, 2, 3], np.float32), w=normal(6, 6), own=[own.Resize])
    case(f"Resize, {mode}, smaller", f'y = Resize<mode = "{mode}">(images, s)', [10], image=(2, 6, 4), s=np.array([1, 1, 0.5, 0.5], np.float32), own=[own.Resize])
larger, smaller = np.array([1, 1, 2, 1.5], np.float32), np.array([1, 1, 0.6, 0.5], np.float32)
for coordinates in ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]:
    how = f'coordinate_transformation_mode = "{coordinates}"'
    case(f"Resize, linear, {coordinates}", f'y = Resize<mode = "linear", {how}>(images, r, s)', [11, 13, 19], image=(1, 3, 4), s=larger, r=np.zeros(0, np.float32))
    case(f"Resize, linear, {coordinates}, smaller", f'y = Resize<mode = "linear", {how}>(images, , s)', image=(1, 5, 6), s=smaller)
    case(f"Resize, cubic, {coordinates}", f'y = Resize<mode = "cubic", {how}, cubic_coeff_a = -0.5>(images, , s)', image=(1, 3, 4), s=larger)
    for rounding in ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]:
        case(f"Resize, nearest, {coordinates}, {rounding}", f'u = Resize<mode = "nearest", {how}, nearest_mode = "{rounding}">(images, r, s) y = Mul(u, u)', [11, 18] if rounding == "floor" else 17, image=(1, 3, 4), s=larger, r=np.zeros(0, np.float32))
case("Resize, linear, half_pixel_symmetric", 'y = Resize<mode = "linear", coordinate_transformation_mode = "half_pixel_symmetric">(images, , s)', 19, image=(1, 3, 5), s=smaller)
# Sizes, of which the first two are the images' own.
sized = "shape = Shape(images) same = Slice(shape, nought, two) z = Concat<axis = 0>(same, rest) "
case("Resize, cubic, sizes", sized + 'y = Resize<mode = "cubic", exclude_outside = 1>(images, , , z)', [13, 18], image=(1, 4, 3), nought=np.array([0]), two=np.array([2]), rest=np.array([5, 4]))
case("Resize, sizes along axes", 'y = Resize<mode = "linear", axes = [3, 2]>(images, , , z)', [18, 21], image=(2, 4, 3), z=np.array([5, 6]))
case("Resize, channels last", 't = Transpose<perm = [0, 2, 3, 1]>(images) u = Resize<mode = "linear">(t, , s) y = Mul(u, w)', image=(2, 3, 4), s=np.array([1, 2, 1.5, 1], np.float32), w=normal(6, 6, 2))
case("Resize, nothing", "u = Resize(images, , s) y = Mul(u, u)", image=(2, 3, 2), s=np.ones(4, np.float32))
for mode in ["linear", "cubic"]:
    case(f"Resize, {mode}, antialias", f'y = Resize<mode = "{mode}", antialias = 1>(images, , s)', [18, 21], image=(1, 6, 7), s=np.array([1, 1, 0.5, 0.6], np.float32))
case("Resize, crop", sized + 'y = Resize<mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize", extrapolation_value = 0.5>(images, r, , z)', 18, image=(1, 4, 5), r=np.array([0, 0, 0.2, -0.3, 1, 1, 0.9, 1.1], np.float32), nought=np.array([0]), two=np.array([2]), rest=np.array([3, 6]))
case("Resize, keeping the aspect ratio", 'y = Resize<mode = "linear", keep_aspect_ratio_policy = "not_larger", axes = [2, 3]>(images, , , z)', 18, image=(1, 3, 2), z=np.array([6, 4]))

# Attention
heads = "y = Attention<{}>(q, k, v{})"
split = "q = MatMul(images, a) k = MatMul(images, b) v = MatMul(images, c) "
def projections(q, k, v):
    return dict(a=normal(4, q) / 2, b=normal(4, k) / 2, c=normal(4, v) / 2)
for name, settings, mask, weights in [
    ("", "", "", projections(5, 5, 3)),
    (", scale", "scale = 0.7", "", projections(5, 5, 5)),
    (", causal", "is_causal = 1", "", projections(2, 2, 3)),
    (", mask", "", ", m", projections(3, 3, 3) | dict(m=normal(3, 3))),
    (", boolean mask", "", ", m", projections(3, 3, 3) | dict(m=np.array([[True, False, True], [True, True, True], [False, True, False]]))),
    (", mask of heads", "", ", m", projections(3, 3, 3) | dict(m=normal(1, 2, 3, 3))),
]:
    case(f"Attention{name}", split + heads.format(settings, mask).replace("<>", ""), [23, 24] if name == "" else 23, image=(2, 3, 4), **weights)
case("Attention, shared heads", split + "i = Slice(k, zero, two, one) u = Slice(v, zero, two, one) y = Attention(q, i, u)", 23, image=(4, 3, 4), zero=np.array([0]), one=np.array([1]), two=np.array([2]), **projections(3, 3, 2))
case("Attention, heads side by side", split + "y = Attention<q_num_heads = 2, kv_num_heads = 2>(q, k, v)", 23, image=(3, 4), **projections(6, 6, 4))
case("Attention, shared heads side by side", split + "y = Attention<q_num_heads = 4, kv_num_heads = 2>(q, k, v)", 23, image=(3, 4), **projections(8, 4, 6))

# Number types
exact = dict(image=(2, 2, 3), images=eighths)
case("Cast, float16", "h = Cast<to = 10>(images) n = Neg(h) f = Cast<to = 1>(n) y = Mul(f, images)", [9, 13, 21], **exact)
case("Cast, float16 constant", "h = Cast<to = 10>(images) c = Constant<value = float16[1] {2}>() n = Mul(h, w) s = Add(n, n) f = Cast<to = 1>(s) y = Mul(f, images)", **exact, w=np.array([0.5, 2, -1], np.float16))
case("Cast, bfloat16", "h = Cast<to = 16>(images) f = Cast<to = 1>(h) y = Mul(f, images)", [13, 21], **exact)
case("Cast, double", "d = Cast<to = 11>(images) c = Constant<value = double[1] {0.7}>() k = Cast<to = 11>(w) m = Mul(d, k) s = Mul(m, c) e = Exp(s) f = Cast<to = 1>(e) y = Mul(f, images)", [9, 17], image=(2, 2, 3), w=normal(2, 1))
case("Cast, whole numbers", "i = Cast<to = 7>(images) f = Cast<to = 1>(i) y = Mul(f, images)", image=(2, 2, 3))

# Functions of the model's own
square = '''<domain: "local", opset_import: ["" : 17]> square (x) => (y) { y = Mul(x, x) }'''
case("a function", "y = local.square(images)", [17, 21], image=(2, 2, 3), functions=square)
case("a function, called twice", "a = local.square(images) b = local.square(a) y = Add(a, b)", image=(2, 2, 3), functions=square)
case("a function in a function", "y = local.outer(images, w)", image=(2, 2, 3), w=normal(3), functions=square + '''
<domain: "local", opset_import: ["" : 17, "local" : 1]> outer (x, w) => (y) { square = local.square(x) x1 = Mul(square, w) y = local.square(x1) }''')
case("a function with attributes", "a = local.leaky<slope = 0.3>(images) y = local.leaky(a)", image=(2, 2, 3), functions='''
<domain: "local", opset_import: ["" : 17]> leaky <slope: float = 0.1> (x) => (y) { y = LeakyRelu<alpha: float = @slope>(x) }''')
case("a function of an older operator set", "a = local.scaled(images, p, q) y = Mul(a, images)", 18, image=(2, 2, 3), p=np.array([1]), q=np.array([2]), functions='''
<domain: "local", opset_import: ["" : 17]> scaled (x, p, q) => (y) { a = Slice(x, p, q, p) y = Softmax(a) }''')
case("a function that passes a value on", "a, b = local.both(images) y = Mul(a, b)", image=(2, 2, 3), functions='''
<domain: "local", opset_import: ["" : 17]> both (x) => (y, z) { y = Tanh(x) z = Identity(x) }''')
case("a function with an overload", 'a = local.one:half(images) b = local.one(images) y = Mul(a, b)', image=(2, 2, 3), functions='''
<domain: "local", opset_import: ["" : 17]> one (x) => (y) { y = Tanh(x) }
<domain: "local", overload: "half", opset_import: ["" : 17]> one (x) => (y) { h = Constant<value = float {0.5}>() y = Mul(x, h) }''')
