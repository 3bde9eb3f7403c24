import { InertObject, type PickleMachine, type PickleRules, pickleMachine } from "./pickle-machine.js";

/** Every opcode pushes, memorises or builds at most one value, so this bounds the stack, the memo and the memory as well. */
const MAXIMUM_OPCODES = 2_000_000;

/** Larger pickles are refused: weights lie beside the pickle, not in it. */
export const MAXIMUM_PICKLE_BYTES = 64 * 2 ** 20;

const NEWEST_PROTOCOL = 5;
const STOP = 0x2e;

/**
 * Reads one pickle (protocols 0 to 5) into plain values, running nothing that it names.
 *
 * Dictionaries become `Map`s (so no key can reach a prototype), tuples and lists become arrays, and integers become numbers where
 * exact and otherwise bigints. Only the opcodes that `torch.save` writes are known.
 *
 * @returns The value, and the position after its last byte.
 * @throws {InputError} as `rules` make it, for a broken pickle or a name that is not allowed.
 * @see Python's `pickletools`, for the format.
 */
export function unpickle(
  source: Uint8Array,
  start: number,
  rules: PickleRules,
): { value: unknown; end: number } {
  const machine = pickleMachine(source, start, rules);
  for (let count = 0; count < MAXIMUM_OPCODES; count++) {
    const opcode = machine.read.uint8();
    if (opcode === STOP) return { value: machine.pop(), end: machine.read.position() };
    const operation = operations[opcode];
    if (operation === undefined) {
      throw rules.fail(`its pickle has the opcode 0x${opcode.toString(16)}, which torch.save does not write`);
    }
    operation(machine);
  }
  throw rules.fail(`its pickle has more than ${MAXIMUM_OPCODES} opcodes`);
}

type Operation = (machine: PickleMachine) => void;

const reduce: Operation = ({ pop, call }) => {
  const args = pop();
  call(pop(), args);
};

/** The opcodes by their byte, with the name that `pickletools` gives each. */
const operations: Readonly<Partial<Record<number, Operation>>> = {
  /* PROTO            */ 0x80: ({ read, rules }) => {
    const protocol = read.uint8();
    if (protocol > NEWEST_PROTOCOL) throw rules.fail(`its pickle has protocol ${protocol}, not 0 to 5`);
  },
  /* FRAME            */ 0x95: ({ read }) => void read.length64(),

  /* MARK             */ 0x28: ({ mark }) => mark(),
  /* POP              */ 0x30: ({ atMark, pop, popToMark }) => {
    if (atMark()) popToMark();
    else pop();
  },
  /* POP_MARK         */ 0x31: ({ popToMark }) => void popToMark(),
  /* DUP              */ 0x32: ({ push, top }) => push(top()),

  /* NONE             */ 0x4e: ({ push }) => push(null),
  /* NEWTRUE          */ 0x88: ({ push }) => push(true),
  /* NEWFALSE         */ 0x89: ({ push }) => push(false),
  /* BININT           */ 0x4a: ({ push, read }) => push(read.int32()),
  /* BININT1          */ 0x4b: ({ push, read }) => push(read.uint8()),
  /* BININT2          */ 0x4d: ({ push, read }) => push(read.uint16()),
  /* LONG1            */ 0x8a: ({ pushInteger, read }) => pushInteger(read.integer(read.uint8())),
  /* LONG4            */ 0x8b: ({ pushInteger, read }) => pushInteger(read.integer(read.uint32())),
  /* INT              */ 0x49: ({ push, pushInteger, read, rules }) => {
    const line = read.line();
    if (line === "00" || line === "01") push(line === "01");
    else pushInteger(parseInteger(line, rules));
  },
  /* LONG             */ 0x4c: ({ pushInteger, read, rules }) =>
    pushInteger(parseInteger(read.line().replace(/L$/, ""), rules)),
  /* BINFLOAT         */ 0x47: ({ push, read }) => push(read.float64()),

  /* BINSTRING        */ 0x54: ({ push, read }) => push(read.text(read.uint32())),
  /* SHORT_BINSTRING  */ 0x55: ({ push, read }) => push(read.text(read.uint8())),
  /* BINUNICODE       */ 0x58: ({ push, read }) => push(read.text(read.uint32())),
  /* SHORT_BINUNICODE */ 0x8c: ({ push, read }) => push(read.text(read.uint8())),
  /* BINUNICODE8      */ 0x8d: ({ push, read }) => push(read.text(read.length64())),
  /* BINBYTES         */ 0x42: ({ push, read }) => push(read.bytes(read.uint32())),
  /* SHORT_BINBYTES   */ 0x43: ({ push, read }) => push(read.bytes(read.uint8())),
  /* BINBYTES8        */ 0x8e: ({ push, read }) => push(read.bytes(read.length64())),
  /* BYTEARRAY8       */ 0x96: ({ push, read }) => push(read.bytes(read.length64())),

  /* EMPTY_LIST       */ 0x5d: ({ push }) => push([]),
  /* EMPTY_TUPLE      */ 0x29: ({ push }) => push([]),
  /* LIST             */ 0x6c: ({ push, popToMark }) => push(popToMark()),
  /* TUPLE            */ 0x74: ({ push, popToMark }) => push(popToMark()),
  /* TUPLE1           */ 0x85: ({ push, popTuple }) => push(popTuple(1)),
  /* TUPLE2           */ 0x86: ({ push, popTuple }) => push(popTuple(2)),
  /* TUPLE3           */ 0x87: ({ push, popTuple }) => push(popTuple(3)),
  /* APPEND           */ 0x61: ({ append, popTuple, top }) => {
    const items = popTuple(1);
    append(top(), items);
  },
  /* APPENDS          */ 0x65: ({ append, popToMark, top }) => {
    const items = popToMark();
    append(top(), items);
  },
  /* EMPTY_DICT       */ 0x7d: ({ push }) => push(new Map()),
  /* DICT             */ 0x64: ({ popToMark, push, setItems }) => {
    const dictionary = new Map();
    setItems(dictionary, popToMark());
    push(dictionary);
  },
  /* SETITEM          */ 0x73: ({ popTuple, setItems, top }) => {
    const items = popTuple(2);
    setItems(top(), items);
  },
  /* SETITEMS         */ 0x75: ({ popToMark, setItems, top }) => {
    const items = popToMark();
    setItems(top(), items);
  },
  /* EMPTY_SET        */ 0x8f: ({ push }) => push(new InertObject("set")),
  /* ADDITEMS         */ 0x90: ({ popToMark }) => void popToMark(),
  /* FROZENSET        */ 0x91: ({ popToMark, push }) => {
    popToMark();
    push(new InertObject("frozenset"));
  },

  /* GET              */ 0x67: ({ read, recall, rules }) => recall(Number(parseInteger(read.line(), rules))),
  /* BINGET           */ 0x68: ({ read, recall }) => recall(read.uint8()),
  /* LONG_BINGET      */ 0x6a: ({ read, recall }) => recall(read.uint32()),
  /* PUT              */ 0x70: ({ read, remember, rules }) =>
    remember(Number(parseInteger(read.line(), rules))),
  /* BINPUT           */ 0x71: ({ read, remember }) => remember(read.uint8()),
  /* LONG_BINPUT      */ 0x72: ({ read, remember }) => remember(read.uint32()),
  /* MEMOIZE          */ 0x94: ({ rememberNext }) => rememberNext(),

  /* GLOBAL           */ 0x63: ({ push, read, rules }) => push(rules.global(`${read.line()}.${read.line()}`)),
  /* STACK_GLOBAL     */ 0x93: ({ popText, push, rules }) => {
    const name = popText();
    push(rules.global(`${popText()}.${name}`));
  },
  /* REDUCE           */ 0x52: reduce,
  /* NEWOBJ           */ 0x81: reduce,
  /* NEWOBJ_EX        */ 0x92: ({ pop, call }) => {
    pop();
    const args = pop();
    call(pop(), args);
  },
  /* INST             */ 0x69: ({ call, popToMark, read, rules }) => {
    const callee = rules.global(`${read.line()}.${read.line()}`);
    call(callee, popToMark());
  },
  /* OBJ              */ 0x6f: ({ call, popToMark }) => {
    const [callee, ...args] = popToMark();
    call(callee, args);
  },
  /* BUILD            */ 0x62: ({ build, pop }) => build(pop()),
  /* BINPERSID        */ 0x51: ({ pop, push, rules }) => push(rules.persistent(pop())),
};

function parseInteger(text: string, rules: PickleRules): bigint {
  if (!/^-?\d{1,100}$/.test(text)) throw rules.fail("its pickle has a malformed integer");
  return BigInt(text);
}
