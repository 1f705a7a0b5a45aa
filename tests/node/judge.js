// Asks a broker the questions of the conformance suite with kafkajs, and prints a line of JSON for each:
// {"scenario": ..., "answer": ...}. It judges nothing: the suite asks Apache Kafka the same and compares.
// So an answer holds nothing that differs between two runs: no ids, times or random names.
//
// Usage: node judge.js BOOTSTRAP [SCENARIO...]
"use strict"

const { Lab, print } = require("./lab")

const scenarios = {
  ...require("./records"),
  ...require("./groups"),
  ...require("./transactions"),
  ...require("./admin"),
}
const [bootstrap, ...wanted] = process.argv.slice(2)
const PARALLEL = 6
const TIMEOUT_MS = 60_000

// Each has clients of its own: kafkajs asks for all topics that a client has ever named, also those that are gone.
async function ask(name) {
  const line = { scenario: name }
  const begin = Date.now()
  let timer
  const lab = new Lab(bootstrap)
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), TIMEOUT_MS)
  })
  try {
    await lab.admin.connect()
    line.answer = await Promise.race([scenarios[name](lab), late])
  } catch (error) {
    line.failure = `${error.name}: ${error.message}`
  }
  clearTimeout(timer)
  await lab.close()
  line.seconds = (Date.now() - begin) / 1000
  print(JSON.stringify(line))
}

async function main() {
  await Lab.warmUp(bootstrap)
  const names = Object.keys(scenarios).filter(name => wanted.length === 0 || wanted.includes(name))
  const worker = async () => {
    while (names.length > 0) await ask(names.shift())
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

main().then(
  () => process.exit(0),
  error => {
    console.error(error)
    process.exit(1)
  },
)
