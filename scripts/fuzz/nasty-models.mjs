import { Buffer } from "node:buffer";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import {
  floatAttribute,
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";

/* Classifiers of the demo data set (3 x 32 x 32 to `CLASSES` classes) that ONNX allows and that are meant to do harm. */

/** @typedef {import("onnx-buf").NodeProto} NodeProto */
/** @typedef {import("onnx-buf").TensorProto} TensorProto */
/** @typedef {import("onnx-buf").GraphProto} GraphProto */
/** @typedef {import("onnx-buf").ModelProto} ModelProto */
/** @typedef {{ bytes: Uint8Array, beside?: Record<string, "fifo" | "huge"> }} NastyModel */
/** @typedef {(many: number) => number} Below A whole number from 0, below another. */

export const CLASSES = 10;
const INPUT = "x";
const OUTPUT = "y";
const FEATURES = "features";

/**
 * A model: some nodes from the images to `features`, `[N, 3]`, or the means of channels, and a linear layer.
 *
 * @param {NodeProto[]} nodes
 * @param {TensorProto[]} [initializer]
 * @param {{ opset?: number, graph?: Partial<GraphProto>, model?: Partial<ModelProto> }} [other]
 */
function classifier(nodes, initializer = [], { opset = 17, graph = {}, model = {} } = {}) {
  const weights = Float32Array.from({ length: 3 * CLASSES }, (_, index) => Math.sin(index + 1));
  const whole = create(GraphProtoSchema, {
    name: "nasty",
    input: [floatValue(INPUT, ["N", 3, 32, 32])],
    output: [floatValue(OUTPUT, ["N", CLASSES])],
    initializer: [floatTensor("fc", [3, CLASSES], weights), ...initializer],
    node: [...nodes, node("MatMul", [FEATURES, "fc"], OUTPUT)],
  });
  const opsetImport = [{ domain: "", version: BigInt(opset) }];
  const plain = create(ModelProtoSchema, { irVersion: 8n, opsetImport });
  return Object.assign(plain, model, { graph: Object.assign(whole, graph) });
}

/** The means of the channels of a value, `[N, 3]`. @param {string} value */
const means = (value) => [node("GlobalAveragePool", [value], "means"), node("Flatten", ["means"], FEATURES)];

/** Adds a scalar that some nodes make, to the images. @param {NodeProto[]} nodes @param {string} scalar */
const plus = (nodes, scalar) => [...nodes, node("Add", [INPUT, scalar], "z"), ...means("z")];

/** Adds the mean of any value. @param {NodeProto[]} nodes @param {string} value */
const plusMean = (nodes, value) =>
  plus([...nodes, node("ReduceMean", [value], "mean", [intAttribute("keepdims", 0)])], "mean");

/** @param {string} name @param {number[]} values */
const integers = (name, values) => int64Tensor(name, values.map(BigInt));

/** An int64 scalar. @param {string} name @param {number | bigint} value */
function scalar(name, value) {
  const tensor = int64Tensor(name, [BigInt(value)]);
  tensor.dims = [];
  return tensor;
}

/** @param {string} name @param {boolean} value */
const truth = (name, value) =>
  create(TensorProtoSchema, {
    name,
    dataType: TensorProto_DataType.BOOL,
    rawData: Uint8Array.of(value ? 1 : 0),
  });

/** @param {string} name @param {GraphProto} g */
const graphAttribute = (name, g) =>
  create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g });

/** @param {string} name @param {TensorProto_DataType} elemType */
const valueOf = (name, elemType) =>
  create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType, shape: { dim: [] } } } },
  });

/** The batch size as an int64 scalar `n`. */
const batchSize = () => [
  node("Shape", [INPUT], "shape"),
  node("Gather", ["shape", "zero"], "n", [intAttribute("axis", 0)]),
];
const batchConstants = () => [scalar("zero", 0)];

/** `n` as float32 `nf`. */
const batchFloat = () => [
  ...batchSize(),
  node("Cast", ["n"], "nf", [intAttribute("to", TensorProto_DataType.FLOAT)]),
];

/**
 * A loop that adds to a float scalar, `turns` times.
 *
 * @param {string} turns @param {string} output @param {NodeProto[]} [inner] Made in every turn.
 */
function loop(turns, output, inner = [], carried = "nothing") {
  const p = `${output}.`;
  const body = create(GraphProtoSchema, {
    name: "body",
    node: [...inner, node("Identity", [`${p}going`], `${p}still`), node("Sin", [`${p}in`], `${p}out`)],
    input: [
      valueOf(`${p}turn`, TensorProto_DataType.INT64),
      valueOf(`${p}going`, TensorProto_DataType.BOOL),
      valueOf(`${p}in`, TensorProto_DataType.FLOAT),
    ],
    output: [valueOf(`${p}still`, TensorProto_DataType.BOOL), valueOf(`${p}out`, TensorProto_DataType.FLOAT)],
  });
  return node("Loop", [turns, "", carried], output, [graphAttribute("body", body)]);
}

const nothing = () => floatTensor("nothing", [], Float32Array.of(0.5));

/** `many` of the float32 number 1. @param {string} shape @param {string} output */
const ones = (shape, output) => node("ConstantOfShape", [shape], output);

/**
 * A branch on a condition: harm, or nothing.
 *
 * @param {string} condition @param {NodeProto[]} harm Makes the float scalar `harmed`.
 */
function either(condition, harm) {
  const branch = (/** @type {string} */ name, /** @type {NodeProto[]} */ nodes) =>
    create(GraphProtoSchema, {
      name,
      node: nodes,
      output: [valueOf(nodes.at(-1)?.output[0] ?? "", TensorProto_DataType.FLOAT)],
    });
  return node("If", [condition], "chosen", [
    graphAttribute("then_branch", branch("then", harm)),
    graphAttribute("else_branch", branch("else", [node("Identity", ["nothing"], "unharmed")])),
  ]);
}

/** Ways to do harm in a branch, each with the constants it needs. */
const harms = {
  loop: () => ({ nodes: [loop("endless", "harmed")], constants: [scalar("endless", 2n ** 60n)] }),
  memory: () => ({
    nodes: [ones("giant", "made"), node("ReduceMean", ["made"], "harmed", [intAttribute("keepdims", 0)])],
    constants: [integers("giant", [200_000, 200_000])],
  }),
  stride: () => ({
    nodes: [
      node("MaxPool", [INPUT], "pooled", [
        intsAttribute("kernel_shape", [2, 2]),
        intsAttribute("strides", [0, 0]),
      ]),
      node("ReduceMean", ["pooled"], "harmed", [intAttribute("keepdims", 0)]),
    ],
    constants: [],
  }),
  zero: () => ({
    nodes: [
      node("Div", ["one", "none"], "quotient"),
      node("Cast", ["quotient"], "harmed", [intAttribute("to", TensorProto_DataType.FLOAT)]),
    ],
    constants: [scalar("one", 1), scalar("none", 0)],
  }),
};

/** @template Value @param {Below} below @param {readonly Value[]} values @returns {Value} */
const oneOf = (below, values) => /** @type {Value} */ (values[below(values.length)]);

/** @param {ModelProto} model @param {NastyModel["beside"]} [beside] @returns {NastyModel} */
const made = (model, beside) => ({ bytes: serializeModel(model), ...(beside ? { beside } : {}) });

/** A chain of nodes from the images. @param {number} count @param {(from: string, to: string, index: number) => NodeProto} link */
function chain(count, link) {
  const nodes = Array.from({ length: count }, (_, index) =>
    link(index === 0 ? INPUT : `c${index}`, `c${index + 1}`, index),
  );
  return [...nodes, ...means(`c${count}`)];
}

/** @param {string} location @param {number} length */
function external(location, length) {
  const tensor = floatTensor("far", [length / 4], new Float32Array());
  tensor.rawData = new Uint8Array();
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = [
    { $typeName: "onnx.StringStringEntryProto", key: "location", value: location },
    { $typeName: "onnx.StringStringEntryProto", key: "length", value: String(length) },
  ];
  return classifier(plusMean([], "far"), [tensor]);
}

/** @param {string} name @param {NodeProto[]} nodes */
const body = (name, nodes) =>
  create(FunctionProtoSchema, {
    name,
    domain: "own",
    input: ["a"],
    output: ["b"],
    node: nodes,
    opsetImport: [
      { domain: "", version: 17n },
      { domain: "own", version: 1n },
    ],
  });

/** @param {string} name @param {string} from @param {string} to */
const call = (name, from, to) =>
  create(NodeProtoSchema, { opType: name, domain: "own", input: [from], output: [to] });

const functionSets = [
  { domain: "", version: 17n },
  { domain: "own", version: 1n },
].map((set) => ({ $typeName: /** @type {const} */ ("onnx.OperatorSetIdProto"), ...set }));

/**
 * The kinds of models; each makes one from random numbers.
 *
 * @type {Record<string, (below: Below) => NastyModel>}
 */
export const nastyModels = {
  plain: () => made(classifier(means(INPUT))),
  "cycle at the output": (below) => {
    const [one, other] = oneOf(below, [
      ["Identity", "Identity"],
      ["Cast", "Identity"],
      ["Softmax", "Log"],
    ]);
    const cast = (/** @type {string} */ kind) => (kind === "Cast" ? [intAttribute("to", 1)] : []);
    const model = classifier(means(INPUT));
    const nodes = [node(one, ["w"], OUTPUT, cast(one)), node(other, [OUTPUT], "w", cast(other))];
    if (model.graph)
      model.graph.node = below(2) ? nodes : [node("Cast", [OUTPUT], OUTPUT, [intAttribute("to", 1)])];
    return made(model);
  },
  "cycle inside": (below) => {
    const length = 1 + below(2000);
    const links = Array.from({ length }, (_, index) =>
      node("Relu", [`r${index}`], `r${(index + 1) % length}`),
    );
    return made(classifier([...links, node("Add", [INPUT, "r0"], "z"), ...means("z")]));
  },
  "chain of Identity": (below) =>
    made(
      classifier(chain(oneOf(below, [5000, 20_000, 100_000]), (from, to) => node("Identity", [from], to))),
    ),
  "chain of Reshape": (below) =>
    made(
      classifier(
        chain(oneOf(below, [2000, 20_000, 49_000]), (from, to) => node("Reshape", [from, "same"], to)),
        [integers("same", [-1, 3, 32, 32])],
      ),
    ),
  "chain of operators": (below) => {
    const kind = oneOf(below, ["Relu", "Sigmoid", "Abs", "Sin"]);
    return made(classifier(chain(oneOf(below, [100, 1000, 10_000]), (from, to) => node(kind, [from], to))));
  },
  "nodes out of order": (below) => {
    const model = classifier(chain(10 + below(1000), (from, to) => node("Relu", [from], to)));
    model.graph?.node.sort(() => below(3) - 1);
    return made(model);
  },
  "names twice": (below) => {
    const model = classifier(
      chain(4, (from, to) => node("Relu", [from], to)),
      [floatTensor("spare", [1], Float32Array.of(1))],
    );
    const { graph } = model;
    if (graph)
      [
        () => graph.node.push(node("Relu", [INPUT], "c2")),
        () => graph.initializer.push(floatTensor("spare", [1], Float32Array.of(2))),
        () => graph.input.push(floatValue(INPUT, ["N", 3, 32, 32])),
        () => graph.node.forEach((each) => (each.name = "same")),
        () => graph.initializer.push(floatTensor("c1", [1], Float32Array.of(2))),
      ][below(5)]?.();
    return made(model);
  },
  "doubling by Concat": (below) => {
    const turns = 6 + below(34);
    const nodes = Array.from({ length: turns }, (_, index) =>
      node("Concat", [index ? `d${index}` : INPUT, index ? `d${index}` : INPUT], `d${index + 1}`, [
        intAttribute("axis", 3),
      ]),
    );
    return made(classifier([...nodes, ...means(`d${turns}`)]));
  },
  "doubling by Add": (below) =>
    made(classifier(chain(10 + below(90), (from, to) => node("Add", [from, from], to)))),
  "wide fan-out": (below) => {
    const count = oneOf(below, [500, 5000, 20_000]);
    const nodes = Array.from({ length: count }, (_, index) => node("Relu", [INPUT], `w${index}`));
    return made(
      classifier([
        ...nodes,
        node(
          "Sum",
          nodes.map(({ output }) => output[0] ?? ""),
          "z",
        ),
        ...means("z"),
      ]),
    );
  },
  "giant Tile": (below) =>
    made(
      classifier(
        [node("Tile", [INPUT, "times"], "z"), ...means("z")],
        [integers("times", [1, 1, 10 ** below(5), 10 ** below(6)])],
      ),
    ),
  "giant Expand": (below) =>
    made(
      classifier(
        [
          node("Expand", [INPUT, "giant"], "z"),
          node("ReduceMean", ["z"], "z5", [intsAttribute("axes", [0]), intAttribute("keepdims", 0)]),
          ...means("z5"),
        ],
        [integers("giant", [10 ** below(7), 1, 3, 32, 32])],
      ),
    ),
  "giant Pad": (below) =>
    made(
      classifier(
        [node("Pad", [INPUT, "pads"], "z"), ...means("z")],
        [integers("pads", [0, 0, 10 ** below(6), 10 ** below(7), 0, 0, 0, below(2) ? -40 : 3])],
      ),
    ),
  "giant Resize": (below) =>
    made(
      classifier(
        [node("Resize", [INPUT, "", "scales"], "z"), ...means("z")],
        [
          floatTensor(
            "scales",
            [4],
            Float32Array.of(1, 1, 10 ** below(5), oneOf(below, [1, 1e3, 1e5, 1e-9])),
          ),
        ],
      ),
    ),
  "giant constant": (below) =>
    made(
      classifier(plusMean([ones("giant", "made")], "made"), [
        integers("giant", [10 ** (3 + below(4)), 10 ** (3 + below(5))]),
      ]),
    ),
  "constant that follows the batch": (below) => {
    const power = 1 + below(5);
    const nodes = [
      ...batchSize(),
      node("Mul", ["n", "factor"], "m"),
      node("Reshape", ["m", "row"], "m1"),
      node("Concat", Array(power).fill("m1"), "giant", [intAttribute("axis", 0)]),
      ones("giant", "made"),
    ];
    return made(
      classifier(plusMean(nodes, "made"), [
        ...batchConstants(),
        scalar("factor", 10 ** below(3)),
        integers("row", [1]),
      ]),
    );
  },
  "shape that follows values": (below) => {
    const nodes = [
      node("ReduceSum", [INPUT], "sum", [intAttribute("keepdims", 0)]),
      node("Mul", ["sum", "factor"], "large"),
      node("Cast", ["large"], "count", [intAttribute("to", TensorProto_DataType.INT64)]),
      node("Reshape", ["count", "row"], "giant"),
    ];
    const end = oneOf(below, [
      () => plusMean([...nodes, ones("giant", "made")], "made"),
      () => plusMean([...nodes, node("Reshape", [INPUT, "giant"], "made")], "made"),
      () =>
        plusMean(
          [
            ...nodes,
            node("Range", ["none", "count", "one"], "made0"),
            node("Cast", ["made0"], "made", [intAttribute("to", 1)]),
          ],
          "made",
        ),
      () => plusMean([...nodes, node("Tile", ["nothing1", "giant"], "made")], "made"),
    ])();
    return made(
      classifier(end, [
        floatTensor("factor", [], Float32Array.of(10 ** below(8))),
        integers("row", [1]),
        scalar("none", 0),
        scalar("one", 1),
        floatTensor("nothing1", [1], Float32Array.of(1)),
      ]),
    );
  },
  "NonZero of images": (below) => {
    const nodes = [
      node("NonZero", [INPUT], "places"),
      ...(below(2)
        ? [node("Shape", ["places"], "giant"), ones("giant", "made")]
        : [node("Cast", ["places"], "made", [intAttribute("to", 1)])]),
    ];
    return made(classifier(plusMean(nodes, "made")));
  },
  "long loop": (below) =>
    made(
      classifier(plus([loop("turns", "looped")], "looped"), [
        scalar("turns", 10n ** BigInt(2 + below(17))),
        nothing(),
      ]),
    ),
  "loop that follows the batch": (below) =>
    made(
      classifier(
        plus(
          [
            ...batchSize(),
            ...(below(2)
              ? [node("Mul", ["n", "factor"], "turns")]
              : [node("Mul", ["n", "n"], "n2"), node("Mul", ["n2", "factor"], "turns")]),
            loop("turns", "looped"),
          ],
          "looped",
        ),
        [...batchConstants(), scalar("factor", 10n ** BigInt(below(10))), nothing()],
      ),
    ),
  "loop that follows values": (below) =>
    made(
      classifier(
        plus(
          [
            node("ReduceMax", [INPUT], "top", [intAttribute("keepdims", 0)]),
            node("Mul", ["top", "factor"], "large"),
            node("Cast", ["large"], "turns", [intAttribute("to", TensorProto_DataType.INT64)]),
            loop("turns", "looped"),
          ],
          "looped",
        ),
        [floatTensor("factor", [], Float32Array.of(10 ** below(12))), nothing()],
      ),
    ),
  "loops in loops": (below) => {
    const depth = 2 + below(40);
    /** @type {(level: number) => NodeProto[]} */
    const nested = (level) => (level === 0 ? [] : [loop("turns", `looped${level}`, nested(level - 1))]);
    return made(
      classifier(plus(nested(depth), `looped${depth}`), [scalar("turns", 2 + below(30)), nothing()]),
    );
  },
  "branch on a batch size": (below) => {
    const { nodes, constants } = oneOf(below, Object.values(harms))();
    const compared = oneOf(below, ["Equal", "Greater"]);
    const size = oneOf(below, [4, 5, 16, 64, 77, 99, 127]);
    return made(
      classifier(
        plus([...batchSize(), node(compared, ["n", "size"], "reached"), either("reached", nodes)], "chosen"),
        [...batchConstants(), scalar("size", size), nothing(), ...constants],
      ),
    );
  },
  "division by the batch": (below) => {
    const nodes = [
      ...batchSize(),
      node("Sub", ["n", "size"], "gap"),
      node(oneOf(below, ["Div", "Mod"]), ["one", "gap"], "quotient"),
      node("Cast", ["quotient"], "q", [intAttribute("to", 1)]),
    ];
    return made(
      classifier(plus(nodes, "q"), [
        ...batchConstants(),
        scalar("size", oneOf(below, [1, 3, 64, 77, 128])),
        scalar("one", 1),
      ]),
    );
  },
  "branch on values": (below) => {
    const { nodes, constants } = oneOf(below, Object.values(harms))();
    return made(
      classifier(
        plus(
          [
            node("ReduceMax", [INPUT], "top", [intAttribute("keepdims", 0)]),
            node("Greater", ["limit", "top"], "dark"),
            either("dark", nodes),
          ],
          "chosen",
        ),
        [floatTensor("limit", [], Float32Array.of(oneOf(below, [0.9, 0.99, 2]))), nothing(), ...constants],
      ),
    );
  },
  "branch by chance": (below) => {
    const { nodes, constants } = oneOf(below, Object.values(harms))();
    const drawn = create(NodeProtoSchema, {
      opType: "RandomUniform",
      output: ["drawn"],
      attribute: [intsAttribute("shape", [1]), ...(below(2) ? [floatAttribute("seed", below(100))] : [])],
    });
    return made(
      classifier(
        plus([drawn, node("Greater", ["drawn", "limit"], "unlucky"), either("unlucky", nodes)], "chosen"),
        [floatTensor("limit", [1], Float32Array.of(0.8)), nothing(), ...constants],
      ),
    );
  },
  "graphs in graphs": (below) => {
    const depth = oneOf(below, [5, 31, 40, 200]);
    let inner = [node("Identity", ["nothing"], "deep0")];
    for (let level = 1; level <= depth; level++) {
      const graph = create(GraphProtoSchema, {
        name: "g",
        node: inner,
        output: [valueOf(`deep${level - 1}`, 1)],
      });
      inner = [
        node("If", ["true"], `deep${level}`, [
          graphAttribute("then_branch", graph),
          graphAttribute(
            "else_branch",
            create(GraphProtoSchema, {
              name: "e",
              node: [node("Identity", ["nothing"], `else${level}`)],
              output: [valueOf(`else${level}`, 1)],
            }),
          ),
        ]),
      ];
    }
    return made(classifier(plus(inner, `deep${depth}`), [truth("true", true), nothing()]));
  },
  "odd convolution": (below) => {
    const changes = oneOf(below, [
      [intsAttribute("strides", [0, 0])],
      [intsAttribute("strides", [2 ** 31, 2 ** 31])],
      [intsAttribute("dilations", [0, 0])],
      [intsAttribute("dilations", [2 ** 30, 2 ** 30])],
      [intsAttribute("pads", [2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20])],
      [intsAttribute("pads", [-2, -2, -2, -2])],
      [intAttribute("group", 0)],
      [intAttribute("group", -3)],
      [intsAttribute("kernel_shape", [0, 0])],
    ]);
    return made(
      classifier(
        [node("Conv", [INPUT, "filters"], "z", changes), ...means("z")],
        [floatTensor("filters", [3, 3, 3, 3], new Float32Array(81).fill(0.1))],
      ),
    );
  },
  "odd pooling": (below) => {
    const kernel = oneOf(below, [2, 0, -1, 2 ** 31]);
    const kind = oneOf(below, ["MaxPool", "AveragePool"]);
    return made(
      classifier([
        node(kind, [INPUT], "z", [
          intsAttribute("kernel_shape", [kernel, kernel]),
          intsAttribute("strides", [below(2), 1]),
          intsAttribute("pads", [0, 0, below(2) * 10 ** 6, 0]),
        ]),
        ...means("z"),
      ]),
    );
  },
  "Gemm turned twice": (below) => {
    const model = classifier(means(INPUT));
    model.graph?.node.pop();
    const weights = Float32Array.from({ length: 3 * CLASSES }, (_, index) => Math.sin(index + 1));
    model.graph?.initializer.push(floatTensor("turned", [CLASSES, 3], weights));
    model.graph?.node.push(
      node("Gemm", [FEATURES, "turned"], OUTPUT, [intAttribute("transB", oneOf(below, [2, -1, 7]))]),
    );
    return made(model);
  },
  "odd operator sets": (below) => {
    const opset = oneOf(below, [6, 7, 12, 24, 30, 1000]);
    return made(classifier(means(INPUT), [], { opset }));
  },
  "control characters": (below) => {
    const bad = oneOf(below, ["\u001b[2J\u001b[31mred", "a\r\nb\u0007", "\u202egnp", "x".repeat(100_000)]);
    const model = classifier([
      { ...node(oneOf(below, ["Frobnicate", "Relu"]), [INPUT], bad), name: bad },
      ...means(bad),
    ]);
    return made(model);
  },
  "far external data": (below) =>
    oneOf(below, [
      () => made(external("../../../../etc/passwd", 64)),
      () => made(external("/dev/zero", 4096)),
      () => made(external("fifo.data", 4096), { "fifo.data": "fifo" }),
      () => made(external("huge.data", 4e11), { "huge.data": "huge" }),
      () => made(external("huge.data", 4e9), { "huge.data": "huge" }),
      () => made(external("", 4096)),
    ])(),
  "sparse constant": (below) => {
    const extent = oneOf(below, [100, 10_000, 1_000_000]);
    const sparse = create(SparseTensorProtoSchema, {
      values: floatTensor("sparse", [1], Float32Array.of(1)),
      indices: integers("places", [0]),
      dims: [BigInt(extent), BigInt(extent)],
    });
    return made(classifier(plusMean([], "sparse"), [], { graph: { sparseInitializer: [sparse] } }));
  },
  "huge attributes": (below) => {
    const model = classifier(means(INPUT));
    const [first] = model.graph?.node ?? [];
    first?.attribute.push(
      oneOf(below, [
        () => intsAttribute("list", Array(10 ** 6).fill(1)),
        () =>
          create(AttributeProtoSchema, {
            name: "text",
            type: AttributeProto_AttributeType.STRING,
            s: new Uint8Array(2e7),
          }),
      ])(),
    );
    return made(model);
  },
  "functions that call themselves": (below) =>
    made(
      classifier([call("f", INPUT, "z"), ...means("z")], [], {
        model: {
          opsetImport: functionSets,
          functions: below(2)
            ? [body("f", [call("f", "a", "b")])]
            : [body("f", [call("g", "a", "b")]), body("g", [call("f", "a", "b")])],
        },
      }),
    ),
  "functions that double": (below) => {
    const count = 4 + below(60);
    const functions = Array.from({ length: count }, (_, index) =>
      body(
        `f${index}`,
        index === 0
          ? [node("Relu", ["a"], "b")]
          : [call(`f${index - 1}`, "a", "m"), call(`f${index - 1}`, "m", "b")],
      ),
    );
    return made(
      classifier([call(`f${count - 1}`, INPUT, "z"), ...means("z")], [], {
        model: { opsetImport: functionSets, functions },
      }),
    );
  },
  "giant product": (below) => {
    const extent = 10 ** (2 + below(4));
    return made(
      classifier(plusMean([ones("giant", "made"), node("MatMul", ["made", "made"], "product")], "product"), [
        integers("giant", [extent, extent]),
      ]),
    );
  },
  "giant OneHot": (below) =>
    made(
      classifier(
        plusMean(
          [
            node("ArgMax", [INPUT], "best", [intAttribute("axis", 1)]),
            node("OneHot", ["best", "depth", "values"], "made"),
          ],
          "made",
        ),
        [scalar("depth", 10 ** below(10)), floatTensor("values", [2], Float32Array.of(0, 1))],
      ),
    ),
  "places outside": (below) =>
    made(
      classifier(plusMean([node("Gather", [INPUT, "place"], "made", [intAttribute("axis", 1)])], "made"), [
        scalar("place", oneOf(below, [2, 3, -4, 10 ** 12])),
      ]),
    ),
  "other types of values": (below) => {
    const nodes = oneOf(below, [
      () => [
        node("SequenceConstruct", [INPUT], "s"),
        node("ConcatFromSequence", ["s"], "z", [intAttribute("axis", 0)]),
      ],
      () => [
        node("SplitToSequence", [INPUT], "s", [intAttribute("axis", 1)]),
        node("ConcatFromSequence", ["s"], "z", [intAttribute("axis", 1)]),
      ],
      () => [
        node("Einsum", [INPUT, INPUT], "e", [
          create(AttributeProtoSchema, {
            name: "equation",
            type: AttributeProto_AttributeType.STRING,
            s: Buffer.from("abcd,abce->abde"),
          }),
        ]),
        node("Identity", [INPUT], "z"),
        node("Relu", ["e"], "unused"),
      ],
    ])();
    return made(classifier([...nodes, ...means("z")]));
  },
  "mixing images": (below) => {
    const nodes = oneOf(below, [
      () => [...batchFloat(), node("Div", [INPUT, "nf"], "z")],
      () => [
        node("ReduceMean", [INPUT], "mean0", [intsAttribute("axes", [0])]),
        node("Sub", [INPUT, "mean0"], "z"),
      ],
      () => [node("CumSum", [INPUT, "zero"], "z")],
    ])();
    return made(classifier([...nodes, ...means("z")], batchConstants()));
  },
};
