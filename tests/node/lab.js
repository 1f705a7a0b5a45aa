// What the scenarios share: clients with short waits, topics, reading, and how answers are written.
"use strict"

const { CompressionTypes, CompressionCodecs, Kafka, logLevel } = require("kafkajs")
const SnappyCodec = require("kafkajs-snappy")
const lz4 = require("lz4-napi")
const zstd = require("@bokuweb/zstd-wasm")

// kafkajs-lz4 and @kafkajs/zstd need a compiler at their installation, and the latter's code fails to build with
// Node.js 20; lz4js makes frames that Kafka refuses (blocks that refer to each other). So these two.
const ready = zstd.init()
const codecOf = (compress, expand) => () => ({
  compress: async encoder => Buffer.from(await compress(encoder.buffer)),
  decompress: async buffer => Buffer.from(await expand(buffer)),
})
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
CompressionCodecs[CompressionTypes.LZ4] = codecOf(lz4.compressFrame, lz4.decompressFrame)
CompressionCodecs[CompressionTypes.ZSTD] = codecOf(
  data => ready.then(() => zstd.compress(data)),
  data => ready.then(() => zstd.decompress(data)),
)
process.env.KAFKAJS_NO_PARTITIONER_WARNING = "1"

const STEP_MS = 20
let names = 0

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function until(what, condition) {
  const deadline = Date.now() + 30_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`)
    await sleep(STEP_MS)
  }
}

// text tells null from empty, and shortens what is long.
function text(data) {
  if (data === null || data === undefined) return "null"
  return data.length > 40 ? `${data.length} bytes` : JSON.stringify(data.toString())
}

// code names the error of the protocol behind whatever wraps it.
async function code(promise) {
  try {
    await promise
    return "ok"
  } catch (error) {
    return errorName(error)
  }
}

function errorName(error) {
  if (error.errors?.length > 0) return errorName(error.errors[0])
  if (error.type !== undefined) return error.type
  return error.cause ? errorName(error.cause) : error.name
}

class Lab {
  static async warmUp(bootstrap) {
    const lab = new Lab(bootstrap)
    await lab.admin.connect()
    // The topics of the coordinators are made when they are first asked for.
    const producer = lab.kafka.producer({ transactionalId: "warm-up", maxInFlightRequests: 1 })
    await producer.connect()
    await producer.disconnect()
    await until("the group coordinator", async () => (await code(lab.admin.describeGroups(["warm-up"]))) === "ok")
    await lab.close()
  }

  constructor(bootstrap) {
    const retry = { initialRetryTime: 50, retries: 12, maxRetryTime: 500 }
    this.kafka = new Kafka({ clientId: "judge", brokers: [bootstrap], logLevel: logLevel.NOTHING, retry })
    // One that gives up at once shows errors that are worth a retry.
    this.impatient = new Kafka({
      clientId: "judge",
      brokers: [bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 10, retries: 1 },
    })
    this.admin = this.kafka.admin()
  }

  async close() {
    await this.admin.disconnect()
  }

  name(what) {
    names += 1
    return `${what}-kafkajs-${process.pid}-${names}`
  }

  // topic makes a topic; configs are names and values.
  async topic(numPartitions, configs = {}) {
    const topic = this.name("topic")
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }] })
    await until("the topic's leaders", async () => (await code(this.admin.fetchTopicOffsets(topic))) === "ok")
    // Parts of a broker may hear of a new topic a little later than its leader.
    await sleep(100)
    return topic
  }

  async withProducer(options, use) {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false, ...options })
    await producer.connect()
    try {
      return await use(producer)
    } finally {
      await producer.disconnect()
    }
  }

  send(topic, messages, options = {}, producerOptions = {}) {
    return this.withProducer(producerOptions, producer => producer.send({ topic, messages, ...options }))
  }

  // read takes count records from the beginning, in a group that nobody else knows.
  async read(topic, count, options = {}, from = undefined) {
    const consumer = this.kafka.consumer({ groupId: this.name("reader"), maxWaitTimeInMs: 50, ...options })
    const found = []
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => void found.push({ partition, ...message }),
    })
    if (from !== undefined) consumer.seek({ topic, partition: 0, offset: from })
    try {
      await until(`${count} records, ${found.length} came`, () => found.length >= count)
    } finally {
      await consumer.disconnect()
    }
    return found
  }
}

const values = messages => messages.map(message => text(message.value))
const print = line => process.stdout.write(`${line}\n`)

module.exports = { CompressionTypes, Lab, code, errorName, print, sleep, text, until, values }
