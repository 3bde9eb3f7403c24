/* eslint-disable no-control-regex -- they are what must not be there */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  csvCell,
  harmlessJson,
  htmlText,
  markdownText,
  oneLine,
  severalLines,
  shellWord,
} from "#mtard/harmless.js";

/** Each is more than text on a terminal. */
const nasty = {
  "clears the screen": "a\u001b[2Jb",
  "sets the title": "a\u001b]0;title\u0007b",
  "is a C1 sequence": "a\u009b31mb",
  "goes back": "a\rb\u0008c",
  "turns the direction": "a\u202egnp.exe\u2066b\u2069",
  "has no width": "a\u200bb\ufeffc\u00add",
  "is a tag": "a\u{e0041}b",
  "ends a line": "a\u2028b\u2029c\u0085d",
  deletes: "a\u007fb",
};
const FORBIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;

describe.each(Object.entries(nasty))("text that %s", (_, text) => {
  it("is plain on a terminal, in reports and in JSON, where it stays what it was", () => {
    for (const harmless of [oneLine, severalLines, markdownText, htmlText, csvCell, shellWord, harmlessJson])
      expect(harmless(text), harmless.name).not.toMatch(FORBIDDEN);
    expect(JSON.parse(harmlessJson({ [text]: [text] }))).toEqual({ [text]: [text] });
  });

  it("is the word that a shell reads", () => {
    const printed = execFileSync("bash", ["-c", `printf %s ${shellWord(text)}`], {
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    expect(printed.toString()).toBe(text);
  });
});

it("lines stay lines where there are several, and become one where there is one", () => {
  expect(severalLines("a\n\tb")).toBe("a\n\tb");
  expect(oneLine(" a \r\n\n b\n")).toBe("a b");
  expect(oneLine("x".repeat(20_000))).toHaveLength(10_003);
});

it("plain text is left alone", () => {
  const text = "tench, Tinca tinca; 第一 – ± déjà 👍 (84.05%)";
  for (const harmless of [oneLine, severalLines, markdownText, htmlText]) expect(harmless(text)).toBe(text);
});

it.each([
  ["a | b", "a \\| b"],
  ["<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"],
  ["[here](javascript:alert(1))", "\\[here\\](javascript:alert(1))"],
  ["![](https://example.com/a.png)", "!\\[\\](https\\://example.com/a.png)"],
  ["www.example.com a@example.com", "www\\.example.com a\\@example.com"],
  ["`code` **bold** _it_ ~~no~~ $x$ \\", "\\`code\\` \\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\$x\\$ \\\\"],
  ["&lt;script&gt;", "&amp;lt;script&amp;gt;"],
  ["two\nlines", "two lines"],
])("in Markdown %j is text", (text, expected) => {
  expect(markdownText(text)).toBe(expected);
});

it("in HTML it neither begins a tag nor ends an attribute", () => {
  expect(htmlText(`"><script>alert('x')</script>&\``)).toBe(
    "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#96;",
  );
});

it.each([
  ['=HYPERLINK("http://a","b")', '"\'=HYPERLINK(""http://a"",""b"")"'],
  ["+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"],
  ["-2+3", "'-2+3"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1+1", "'=1+1"],
  ["\r=1+1", "'=1+1"],
  ["＝1+1", "'＝1+1"],
  ["-0.5", "-0.5"],
  ["+1e-3", "+1e-3"],
  [-0.5, "-0.5"],
  [null, ""],
  ["a, b", '"a, b"'],
  ["Wide-ResNet", "Wide-ResNet"],
])("the cell %j of a table is %s", (value, expected) => {
  expect(csvCell(value)).toBe(expected);
});

it.each([
  ["a b", "'a b'"],
  ["it's", "'it'\\''s'"],
  ["$(rm -rf ~)", "'$(rm -rf ~)'"],
  ["=ls", "'=ls'"],
  ["runs/a.onnx", "runs/a.onnx"],
])("the word %s", (word, expected) => {
  expect(shellWord(word)).toBe(expected);
});
