"use strict"

const { AssignerProtocol, PartitionAssigners } = require("kafkajs")
const { code, until } = require("./lab")

class Member {
  static async join(lab, groupId, topic, options = {}) {
    const member = new Member()
    member.share = []
    member.seen = []
    member.consumer = lab.kafka.consumer({
      groupId,
      sessionTimeout: 6000,
      heartbeatInterval: 100,
      rebalanceTimeout: 6000,
      maxWaitTimeInMs: 50,
      metadataMaxAge: 1000,
      partitionAssigners: [PartitionAssigners.roundRobin],
      ...options,
    })
    member.consumer.on(member.consumer.events.GROUP_JOIN, ({ payload }) => {
      member.share = payload.memberAssignment[topic] ?? []
      member.leader = payload.isLeader
    })
    await member.consumer.connect()
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        member.seen.push(`${partition}/${message.offset}`)
        await member.consumer.commitOffsets([{ topic, partition, offset: `${Number(message.offset) + 1}` }])
      },
    })
    return member
  }

  leave() {
    return this.consumer.disconnect()
  }
}

// One to whom a rebalance comes while it commits reads a record again: shares and totals are told, repetitions not.
async function group_roundrobin(lab) {
  const [topic, groupId] = [await lab.topic(4), lab.name("group")]
  const found = []
  const members = []
  const read = new Set()
  let expected = 0
  const step = async (what, ...sizes) => {
    await until(what, () => {
      const held = new Set(members.flatMap(m => m.share))
      const now = members.map(m => m.share.length).sort()
      return held.size === 4 && `${now}` === `${sizes}`
    })
    await lab.send(topic, Array.from({ length: 40 }, (_, n) => ({ value: "v", partition: n % 4 })))
    expected += 40
    await until(`records of ${what}`, () => new Set([...read, ...members.flatMap(m => m.seen)]).size >= expected)
    found.push(`${what}: ${sizes}`)
  }
  members.push(await Member.join(lab, groupId, topic))
  await step("one", 4)
  members.push(await Member.join(lab, groupId, topic))
  await step("two", 2, 2)
  const first = members.shift()
  await first.leave()
  first.seen.forEach(each => read.add(each))
  await step("one again", 4)
  const { groups } = await lab.admin.describeGroups([groupId])
  found.push(`${groups[0].state} ${groups[0].protocolType} ${groups[0].protocol} ${groups[0].members.length}`)
  await members[0].leave()
  const [{ partitions }] = await lab.admin.fetchOffsets({ groupId, topics: [topic] })
  partitions.sort((a, b) => a.partition - b.partition)
  return [...found, ...partitions.map(p => `${p.partition} at ${p.offset}`)]
}

async function committed_offsets(lab) {
  const [topic, groupId] = [await lab.topic(2), lab.name("group")]
  const found = []
  const tell = async () => {
    const [{ partitions }] = await lab.admin.fetchOffsets({ groupId, topics: [topic] })
    partitions.sort((a, b) => a.partition - b.partition)
    found.push(...partitions.map(p => `${p.partition}: ${p.offset} ${p.metadata}`))
  }
  await tell()
  const member = await Member.join(lab, groupId, topic)
  await until("a share", () => member.share.length === 2)
  const commit = (offset, metadata) => member.consumer.commitOffsets([{ topic, partition: 0, offset, metadata }])
  found.push(`commit: ${await code(commit("7", "note"))}`)
  await tell()
  found.push(`long metadata: ${await code(commit("8", "x".repeat(5_000)))}`)
  await lab.send(topic, [{ value: "v", partition: 1 }])
  await until("a record", () => member.seen.length === 1)
  await until("its commit", async () =>
    (await lab.admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions.some(p => p.offset === "1"),
  )
  await member.leave()
  await tell()
  return found
}

async function reset_offsets(lab) {
  const [topic, groupId] = [await lab.topic(2), lab.name("group")]
  const found = []
  await lab.send(topic, [0, 1, 1].map(partition => ({ value: "v", partition })))
  const reset = async (what, change) => {
    found.push(`${what}: ${await code(change)}`)
    const [{ partitions }] = await lab.admin.fetchOffsets({ groupId, topics: [topic] })
    partitions.sort((a, b) => a.partition - b.partition)
    found.push(...partitions.map(p => `${p.partition}: ${p.offset}`))
  }
  // Each takes five seconds: kafkajs joins the group for it, and fetches.
  await reset("latest", lab.admin.resetOffsets({ groupId, topic, earliest: false }))
  await reset("one", lab.admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: "1" }] }))
  const member = await Member.join(lab, groupId, topic)
  await until("a share", () => member.share.length === 2)
  found.push(`of a group with members: ${await code(lab.admin.resetOffsets({ groupId, topic, earliest: false }))}`)
  await member.leave()
  return found
}

// kafkajs sends its heartbeats between records: one that takes too long over a record is out, and can't commit.
async function lost_member(lab) {
  const [topic, groupId] = [await lab.topic(1), lab.name("group")]
  await lab.send(topic, [{ value: "v" }])
  const consumer = lab.kafka.consumer({ groupId, sessionTimeout: 1000, heartbeatInterval: 200, maxWaitTimeInMs: 50 })
  const found = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async () => {
      if (found.length > 0) return
      await until("the group to be without it", async () => (await lab.admin.describeGroups([groupId])).groups[0].state === "Empty")
      found.push(`commit: ${await code(consumer.commitOffsets([{ topic, partition: 0, offset: "1" }]))}`)
    },
  })
  await until("its failure", () => found.length > 0)
  await until("its return", async () => (await lab.admin.describeGroups([groupId])).groups[0].state === "Stable")
  await consumer.disconnect()
  return found
}

async function groups_admin(lab) {
  const [topic, groupId] = [await lab.topic(2), lab.name("group")]
  const found = []
  const tell = async () => {
    const { groups } = await lab.admin.describeGroups([groupId])
    const [one] = groups
    found.push(`${one.state} '${one.protocolType}' '${one.protocol}' ${one.members.length} error ${one.errorCode}`)
    const listed = (await lab.admin.listGroups()).groups.find(each => each.groupId === groupId)
    found.push(`listed ${listed?.protocolType}`)
  }
  await tell()
  found.push(`delete: ${await code(lab.admin.deleteGroups([groupId]))}`)
  const member = await Member.join(lab, groupId, topic)
  await until("a share", () => member.share.length === 2)
  await tell()
  const { groups } = await lab.admin.describeGroups([groupId])
  const [one] = groups[0].members
  const { assignment } = AssignerProtocol.MemberAssignment.decode(one.memberAssignment)
  found.push(`${one.clientId} ${one.clientHost} ${assignment[topic].length}`)
  found.push(`delete: ${await code(lab.admin.deleteGroups([groupId]))}`)
  await member.leave()
  await until("an empty group", async () => (await lab.admin.describeGroups([groupId])).groups[0].state === "Empty")
  await tell()
  found.push(`delete: ${await code(lab.admin.deleteGroups([groupId]))}`)
  await tell()
  return found
}

module.exports = { group_roundrobin, committed_offsets, groups_admin, reset_offsets, lost_member }
