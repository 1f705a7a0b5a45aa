"use strict"

const { ConfigResourceTypes } = require("kafkajs")
const { code, sleep, until } = require("./lab")

const sourceOf = entry => entry.configSource
const byName = (a, b) => (a.configName < b.configName ? -1 : 1)

async function entries(lab, type, name, configNames) {
  const { resources } = await lab.admin.describeConfigs({
    includeSynonyms: true,
    resources: [{ type, name, configNames }],
  })
  return resources[0].configEntries.sort(byName).map(entry => {
    const synonyms = entry.configSynonyms.map(s => `${s.configName}=${s.configValue} ${s.configSource}`)
    const flags = `${entry.readOnly ? " read-only" : ""}${entry.isSensitive ? " sensitive" : ""}`
    return `${entry.configName}=${entry.configValue} ${sourceOf(entry)}${flags} [${synonyms}]`
  })
}

module.exports = {
  async topics(lab) {
    const topic = await lab.topic(3)
    const create = (one, validateOnly = false) => code(lab.admin.createTopics({ validateOnly, topics: [one] }))
    const found = [`${await lab.admin.createTopics({ topics: [{ topic }] })}`]
    const { topics } = await lab.admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0].partitions.sort((a, b) => a.partitionId - b.partitionId)
    found.push(...partitions.map(p => `${p.partitionId}: leader ${p.leader} replicas ${p.replicas} isr ${p.isr} error ${p.partitionErrorCode}`))
    found.push(`listed: ${(await lab.admin.listTopics()).includes(topic)}`)
    // kafkajs sends it again when the answer takes long, and is told that the topic is unknown.
    await code(lab.admin.deleteTopics({ topics: [topic] }))
    await until("its end", async () => !(await lab.admin.listTopics()).includes(topic))
    await sleep(300)
    found.push(`validate: ${await create({ topic, numPartitions: 2 }, true)}`)
    const replicaAssignment = [{ partition: 0, replicas: [1] }, { partition: 1, replicas: [1] }]
    const assigned = lab.name("t")
    found.push(`assigned: ${await create({ topic: assigned, replicaAssignment, numPartitions: -1, replicationFactor: -1 })}`)
    return found
  },

  async refused_topics(lab) {
    const create = one => code(lab.admin.createTopics({ waitForLeaders: false, topics: [one] }))
    const setting = (name, value) => create({ topic: lab.name("t"), configEntries: [{ name, value }] })
    const wrong = [{ partition: 0, replicas: [7] }]
    return [
      `slash: ${await create({ topic: "not/a/name" })}`,
      `long: ${await create({ topic: "x".repeat(250) })}`,
      `no partitions: ${await create({ topic: lab.name("t"), numPartitions: 0 })}`,
      `replicas: ${await create({ topic: lab.name("t"), replicationFactor: 3 })}`,
      `setting: ${await setting("no.such.config", "1")}`,
      `value: ${await setting("retention.ms", "soon")}`,
      `out of range: ${await setting("segment.bytes", "1")}`,
      `assigned to nobody: ${await create({ topic: lab.name("t"), replicaAssignment: wrong, numPartitions: -1, replicationFactor: -1 })}`,
    ]
  },

  async partitions(lab) {
    const topic = await lab.topic(2)
    const found = []
    for (const count of [4, 4, 3]) {
      found.push(`${count}: ${await code(lab.admin.createPartitions({ topicPartitions: [{ topic, count }] }))}`)
      // A broker may answer before it shows the change.
      await sleep(300)
    }
    const { topics } = await lab.admin.fetchTopicMetadata({ topics: [topic] })
    return [...found, `${topics[0].partitions.length} partitions`]
  },

  async topic_configs(lab) {
    const topic = await lab.topic(1, { "retention.ms": "1234567" })
    const wanted = ["cleanup.policy", "max.message.bytes", "retention.ms", "segment.ms"]
    const { TOPIC } = ConfigResourceTypes
    const found = await entries(lab, TOPIC, topic, wanted)
    const alter = (name, value, one = topic) =>
      code(lab.admin.alterConfigs({ resources: [{ type: TOPIC, name: one, configEntries: [{ name, value }] }] }))
    found.push(`alter: ${await alter("segment.ms", "5000")}`)
    await until("the change", async () => (await entries(lab, TOPIC, topic, ["segment.ms"]))[0].includes("5000"))
    found.push(...(await entries(lab, TOPIC, topic, wanted)))
    found.push(`bad value: ${await alter("segment.ms", "soon")}`)
    found.push(`unknown: ${await alter("no.such.config", "1")}`)
    return found
  },

  async described_topic(lab) {
    return entries(lab, ConfigResourceTypes.TOPIC, await lab.topic(1), ["min.insync.replicas"])
  },

  // kafkajs sets all of a broker's settings at once: only a trial leaves those of others alone.
  async unknown_broker_setting(lab) {
    const configEntries = [{ name: "no.such.config", value: "1" }]
    const resources = [{ type: ConfigResourceTypes.BROKER, name: "1", configEntries }]
    return [await code(lab.admin.alterConfigs({ validateOnly: true, resources }))]
  },

  async broker_configs(lab) {
    const wanted = ["log.segment.bytes", "message.max.bytes", "num.partitions"]
    return entries(lab, ConfigResourceTypes.BROKER, "1", wanted)
  },

  async cluster(lab) {
    const { brokers, controller, clusterId } = await lab.admin.describeCluster()
    return [`${brokers.length} broker ${brokers[0].nodeId} ${brokers[0].host}, controller ${controller}, id ${clusterId.length}`]
  },

  async single_node(lab) {
    const topic = await lab.topic(1)
    const assign = replicas =>
      code(lab.admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition: 0, replicas }] }] }))
    const found = [`to an unknown node: ${await assign([5])}`, `to itself: ${await assign([1])}`]
    const { topics } = await lab.admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] })
    return [...found, `${topics.length} under way`]
  },
}
