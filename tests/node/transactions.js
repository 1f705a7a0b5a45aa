"use strict"

const { code, until, values } = require("./lab")

const transactional = transactionalId => ({ transactionalId, maxInFlightRequests: 1, idempotent: true })
const UNCOMMITTED = { readUncommitted: true }

async function transactions(lab) {
  const topic = await lab.topic(1)
  await lab.withProducer(transactional(lab.name("id")), async producer => {
    for (const value of ["a", "lost", "b", "gone", "c"]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value }, { value: `${value}2` }] })
      await (value.length === 1 ? transaction.commit() : transaction.abort())
    }
  })
  const found = values(await lab.read(topic, 6))
  found.push(...values(await lab.read(topic, 10, UNCOMMITTED)))
  const [at] = await lab.admin.fetchTopicOffsets(topic)
  return [...found, `high ${at.high}`]
}

async function open_transaction(lab) {
  const topic = await lab.topic(1)
  await lab.send(topic, [{ value: "before" }])
  return lab.withProducer(transactional(lab.name("id")), async producer => {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: "open" }] })
    await lab.send(topic, [{ value: "after" }])
    const found = values(await lab.read(topic, 1))
    found.push(...values(await lab.read(topic, 3, UNCOMMITTED)))
    await transaction.abort()
    return [...found, ...values(await lab.read(topic, 2))]
  })
}

async function fencing(lab) {
  const [topic, id] = [await lab.topic(1), lab.name("id")]
  return lab.withProducer(transactional(id), async older => {
    const first = await older.transaction()
    await first.send({ topic, messages: [{ value: "older" }] })
    return lab.withProducer(transactional(id), async newer => {
      const second = await newer.transaction()
      await second.send({ topic, messages: [{ value: "newer" }] })
      const found = [`older sends: ${await code(first.send({ topic, messages: [{ value: "older" }] }))}`]
      found.push(`older commits: ${await code(first.commit())}`)
      found.push(`newer commits: ${await code(second.commit())}`)
      return [...found, ...values(await lab.read(topic, 1))]
    })
  })
}

async function transaction_offsets(lab) {
  const [topic, groupId] = [await lab.topic(1), lab.name("group")]
  const found = []
  await lab.withProducer(transactional(lab.name("id")), async producer => {
    for (const [offset, commit] of [["5", true], ["9", false], ["7", true]]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: offset }] })
      const topics = [{ topic, partitions: [{ partition: 0, offset }] }]
      await transaction.sendOffsets({ consumerGroupId: groupId, topics })
      await (commit ? transaction.commit() : transaction.abort())
      let at
      await until("the markers", async () => {
        const [{ partitions }] = await lab.admin.fetchOffsets({ groupId, topics: [topic] })
        at = partitions[0].offset
        return !commit || at === offset
      })
      found.push(`commit ${commit}: ${at}`)
    }
  })
  return [...found, ...values(await lab.read(topic, 2))]
}

async function transaction_timeout(lab) {
  const topic = await lab.topic(1)
  return lab.withProducer({ ...transactional(lab.name("id")), transactionTimeout: 500 }, async producer => {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: "late" }] })
    await lab.send(topic, [{ value: "after" }])
    const found = values(await lab.read(topic, 1))
    found.push(`commit: ${await code(transaction.commit())}`)
    const greedy = lab.impatient.producer({ ...transactional(lab.name("id")), transactionTimeout: 36_000_000 })
    found.push(`too long a timeout: ${await code(greedy.connect())}`)
    return found
  })
}

module.exports = { transactions, open_transaction, fencing, transaction_offsets, transaction_timeout }
