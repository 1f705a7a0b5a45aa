"use strict"

const { CompressionTypes, code, errorName, sleep, text, until, values } = require("./lab")

// Young enough for every retention.
const BASE_MS = Date.now() - 3_600_000

const headersOf = message =>
  Object.entries(message.headers ?? {}).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map(each => `${key}=${text(each)}`),
  )

const codec = compression => async lab => {
  const topic = await lab.topic(1)
  const sent = [
    { key: "key", value: "value", headers: { a: ["1", "2"], b: "3" } },
    { key: "tombstone", value: null },
    { key: null, value: "" },
    { key: "", value: "x".repeat(50_000), headers: { "": "" } },
    ...Array.from({ length: 50 }, (_, n) => ({ key: `${n % 7}`, value: `value ${n}` })),
  ].map((message, n) => ({ ...message, timestamp: `${BASE_MS + n}`, partition: 0 }))
  await lab.send(topic, sent, { compression })
  const found = await lab.read(topic, sent.length)
  return found.map(
    m => `${m.partition}/${m.offset} ${text(m.key)} ${text(m.value)} ${m.timestamp - BASE_MS} [${headersOf(m)}]`,
  )
}

module.exports = {
  codec_none: codec(CompressionTypes.None),
  codec_gzip: codec(CompressionTypes.GZIP),
  codec_snappy: codec(CompressionTypes.Snappy),
  codec_lz4: codec(CompressionTypes.LZ4),
  codec_zstd: codec(CompressionTypes.ZSTD),

  async acks(lab) {
    const topic = await lab.topic(1)
    const found = []
    for (const acks of [-1, 1, 0]) {
      const [placed] = await lab.send(topic, [{ value: `acks ${acks}` }], { acks })
      found.push(acks === 0 ? "-" : `offset ${placed.baseOffset}, log start ${placed.logStartOffset}`)
    }
    return [...found, ...values(await lab.read(topic, 3))]
  },

  async idempotence(lab) {
    const topic = await lab.topic(4)
    await lab.withProducer({ idempotent: true, maxInFlightRequests: 1 }, async producer => {
      for (let n = 0; n < 100; n += 4) {
        const messages = [0, 1, 2, 3].map(k => ({ value: `${n + k}`, partition: k }))
        await producer.send({ topic, messages })
      }
    })
    const next = [0, 1, 2, 3]
    const wrong = []
    for (const m of await lab.read(topic, 100)) {
      if (m.value.toString() !== `${next[m.partition]}`) wrong.push(`out of order: ${m.value}`)
      next[m.partition] += 4
    }
    return [`next ${next}`, ...wrong]
  },

  async large_record(lab) {
    const topic = await lab.topic(1, { "max.message.bytes": "10000000" })
    await lab.send(topic, [{ value: "x".repeat(5_000_000) }])
    await lab.send(topic, [{ value: "after" }])
    return values(await lab.read(topic, 2, { maxBytesPerPartition: 1000, maxBytes: 1000, minBytes: 1 }))
  },

  async too_large_record(lab) {
    const topic = await lab.topic(1, { "max.message.bytes": "1000" })
    const found = [await code(lab.send(topic, [{ value: "x".repeat(2_000) }]))]
    found.push(await code(lab.send(topic, [{ value: "small" }])))
    return [...found, ...values(await lab.read(topic, 1))]
  },

  async timestamps(lab) {
    const stamped = await lab.topic(1, { "message.timestamp.type": "LogAppendTime" })
    const [placed] = await lab.send(stamped, [{ value: "v", timestamp: `${BASE_MS}` }], { compression: CompressionTypes.GZIP })
    const [read] = await lab.read(stamped, 1)
    const found = [`placed in the broker's time: ${placed.logAppendTime > BASE_MS}, read: ${read.timestamp > BASE_MS}`]
    const narrow = await lab.topic(1, { "message.timestamp.before.max.ms": "3600000", "message.timestamp.after.max.ms": "3600000" })
    for (const shift of [-7_200_000, 7_200_000, 60_000]) {
      const promise = lab.send(narrow, [{ value: "v", timestamp: `${Date.now() + shift}` }])
      found.push(await code(promise))
    }
    return found
  },

  async offsets_by_time(lab) {
    const topic = await lab.topic(2)
    const messages = [0, 1000, 5000, 3000, 4000, 2000].map(at => ({ value: "v", partition: 0, timestamp: `${BASE_MS + at}` }))
    await lab.send(topic, messages, { compression: CompressionTypes.GZIP })
    const found = []
    for (const at of [-1, 0, 1, 2500, 5000, 5001]) {
      const offsets = await lab.admin.fetchTopicOffsetsByTimestamp(topic, BASE_MS + at)
      offsets.sort((a, b) => a.partition - b.partition)
      found.push(`after ${at}: ${offsets.map(o => `${o.partition}/${o.offset}`)}`)
    }
    return found
  },

  async watermarks(lab) {
    const topic = await lab.topic(2)
    const tell = async () => {
      const offsets = await lab.admin.fetchTopicOffsets(topic)
      offsets.sort((a, b) => a.partition - b.partition)
      return offsets.map(o => `${o.partition}: low ${o.low} high ${o.high} offset ${o.offset}`)
    }
    const found = await tell()
    await lab.send(topic, [1, 2, 3].map(n => ({ value: `${n}`, partition: 1 })))
    await lab.admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: "2" }] })
    return [...found, ...(await tell())]
  },

  async unknown_topic(lab) {
    const producer = lab.impatient.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    const topic = lab.name("unknown")
    const found = [`produce: ${await code(producer.send({ topic, messages: [{ value: "v" }] }))}`]
    await producer.disconnect()
    const admin = lab.impatient.admin()
    await admin.connect()
    found.push(`metadata: ${await code(admin.fetchTopicMetadata({ topics: [topic] }))}`)
    found.push(`offsets: ${await code(admin.fetchTopicOffsets(topic))}`)
    found.push(`delete: ${await code(admin.deleteTopics({ topics: [topic] }))}`)
    await admin.disconnect()
    return found
  },

  async auto_created_topic(lab) {
    const topic = lab.name("auto")
    const found = [await code(lab.send(topic, [{ value: "v" }], {}, { allowAutoTopicCreation: true }))]
    const { topics } = await lab.admin.fetchTopicMetadata({ topics: [topic] })
    return [...found, `${topics[0].partitions.length} partitions`, ...values(await lab.read(topic, 1))]
  },

  async delete_records(lab) {
    const topic = await lab.topic(1)
    for (let n = 0; n < 10; n += 1) await lab.send(topic, [{ value: `${n}` }])
    const found = []
    for (const offset of ["4", "2", "11"]) {
      found.push(await code(lab.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })))
      const [at] = await lab.admin.fetchTopicOffsets(topic)
      found.push(`low ${at.low} high ${at.high}`)
    }
    found.push(...values(await lab.read(topic, 6)))
    // A position below the start is reset to the earliest.
    found.push(...values((await lab.read(topic, 6, {}, "1")).slice(0, 1)))
    found.push(await code(lab.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "-1" }] })))
    const [at] = await lab.admin.fetchTopicOffsets(topic)
    return [...found, `low ${at.low} high ${at.high}`]
  },

  async compaction(lab) {
    const topic = await lab.topic(1, {
      "cleanup.policy": "compact",
      "min.cleanable.dirty.ratio": "0.001",
      "segment.ms": "100",
      "delete.retention.ms": "0",
    })
    for (let n = 0; n < 12; n += 1) {
      await lab.send(topic, [{ key: `key ${n % 3}`, value: n === 10 ? null : `value ${n}` }])
    }
    const found = [`without a key: ${await code(lab.send(topic, [{ value: "v" }]))}`]
    let left = []
    await until("compaction", async () => {
      await sleep(150)
      // The newest segment isn't compacted: filler closes those before it.
      const [{ baseOffset }] = await lab.send(topic, [{ key: "filler", value: "filler" }])
      const consumer = lab.kafka.consumer({ groupId: lab.name("reader"), maxWaitTimeInMs: 50 })
      left = []
      let last = -1
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) => {
          last = Number(message.offset)
          if (message.key.toString() !== "filler") left.push(`${last} ${text(message.key)} ${text(message.value)}`)
        },
      })
      await until("the last record", () => last >= Number(baseOffset))
      await consumer.disconnect()
      return left.length <= 2
    })
    return [...found, ...left]
  },

  async retention(lab) {
    const topic = await lab.topic(1, { "retention.ms": "60000", "segment.ms": "100" })
    for (let n = 0; n < 3; n += 1) await lab.send(topic, [{ value: "old", timestamp: `${BASE_MS}` }])
    let at
    await until("retention", async () => {
      ;[at] = await lab.admin.fetchTopicOffsets(topic)
      return at.low === "3"
    })
    const [placed] = await lab.send(topic, [{ value: "new" }])
    return [`low ${at.low} high ${at.high}, next ${placed.baseOffset}`, ...values(await lab.read(topic, 1))]
  },

  // Settings that are legal and useless: a byte at a time.
  async small_fetches(lab) {
    const topic = await lab.topic(3)
    const messages = Array.from({ length: 60 }, (_, n) => ({ value: `value ${n}`, partition: n % 3 }))
    for (let n = 0; n < 60; n += 15) await lab.send(topic, messages.slice(n, n + 15))
    const counts = [0, 0, 0]
    for (const m of await lab.read(topic, 60, { maxBytes: 1, maxBytesPerPartition: 1, minBytes: 0 })) counts[m.partition] += 1
    return [`${counts}`]
  },

  // More bytes than will come are asked for: what there is comes when the time is over.
  async patient_fetches(lab) {
    const topic = await lab.topic(1)
    await lab.send(topic, [{ value: "v" }])
    return values(await lab.read(topic, 1, { minBytes: 1_000_000, maxWaitTimeInMs: 500 }))
  },
}
