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
    found.push(`slash: ${await create({ topic: "not/a/name" })}`)
    found.push(`no partitions: ${await create({ topic: lab.name("t"), numPartitions: 0 })}`)
    found.push(`replicas: ${await create({ topic: lab.name("t"), replicationFactor: 3 })}`)
    const configEntries = [{ name: "no.such.config", value: "1" }]
    found.push(`setting: ${await create({ topic: lab.name("t"), configEntries })}`)
    const replicaAssignment = [{ partition: 0, replicas: [1] }, { partition: 1, replicas: [1] }]
    const assigned = lab.name("t")
    found.push(`assigned: ${await create({ topic: assigned, replicaAssignment, numPartitions: -1, replicationFactor: -1 })}`)
    const wrong = [{ partition: 0, replicas: [7] }]
    found.push(`assigned to nobody: ${await create({ topic: lab.name("t"), replicaAssignment: wrong, numPartitions: -1, replicationFactor: -1 })}`)
    return found
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
