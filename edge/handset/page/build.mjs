// Builds dist/ (committed, shipped in the wheel) and check/vectors.js (for the tests) out of src/ and static/.
// dist/build.json holds the hash of everything that the build is made of; tests/test_handset_page_build.py checks it.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, version } from "esbuild";

const ROOT = import.meta.dirname;
const MADE_OF = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json", "src", "static"];

const sources = hash();
const define = { VERSION: JSON.stringify(sources.slice(0, 12)) };
const shared = { bundle: true, format: "iife", target: "es2021", charset: "utf8", legalComments: "none", define, logLevel: "warning" };

rmSync(join(ROOT, "dist"), { recursive: true, force: true });
mkdirSync(join(ROOT, "dist"));
cpSync(join(ROOT, "static"), join(ROOT, "dist"), { recursive: true });
const page = { "dist/page": "src/main.ts", "dist/worker": "src/worker.ts" };
for (const [out, source] of Object.entries(page)) {
  await build({ ...shared, minify: true, entryPoints: [join(ROOT, source)], outfile: join(ROOT, `${out}.js`) });
}
const vectors = { entryPoints: [join(ROOT, "src/core/vectors.ts")], outfile: join(ROOT, "check/vectors.js") };
await build({ ...shared, ...vectors, globalName: "vectors" });
writeFileSync(join(ROOT, "dist/licenses.txt"), licenses());
writeFileSync(join(ROOT, "dist/build.json"), JSON.stringify({ sources_sha256: sources, esbuild: version }) + "\n");

/** sha256 over path, length and bytes of every source, in the order of their paths. */
function hash() {
  const sum = createHash("sha256");
  for (const path of MADE_OF.flatMap(files).sort()) {
    const bytes = readFileSync(join(ROOT, path));
    sum.update(`${path} ${bytes.length}\n`);
    sum.update(bytes);
  }
  return sum.digest("hex");
}

function files(path) {
  if (path.includes(".")) return [path];
  const found = readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}

/** The licences of everything that is built into the page. */
function licenses() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const shipped = Object.entries(packages).filter(([path, about]) => path && !about.dev && !path.includes("@types/"));
  return shipped.map(([path, about]) => `${path.replace("node_modules/", "")} ${about.version}\n\n${license(path, about)}`).join("\n----\n");
}

function license(path, about) {
  const name = readdirSync(join(ROOT, path)).find((file) => /^(licen[cs]e|copying)/i.test(file));
  return name ? readFileSync(join(ROOT, path, name), "utf8").trim() : `License: ${about.license}`;
}
