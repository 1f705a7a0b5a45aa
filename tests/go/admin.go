package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var adminScenarios = []scenario{
	{"topics", topics},
	{"refused_topics", refusedTopics},
	{"partitions", partitions},
	{"topic_configs", topicConfigs},
	{"broker_configs", brokerConfigs},
	{"unknown_broker_setting", unknownBrokerSetting},
	{"described_topic", describedTopic},
	{"features", features},
	{"feature_levels", featureLevels},
	{"api_versions", apiVersions},
	{"cluster", cluster},
	{"log_dirs", logDirs},
	{"single_node", singleNode},
	{"leader_epochs", leaderEpochs},
}

func topics(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 3)
	found := answer{}
	again, err := j.admin.CreateTopics(ctx, 3, 1, nil, topic)
	must(err)
	found = append(found, "again: "+code(again[topic].Err))
	listed, err := j.admin.ListTopics(ctx, topic)
	must(err)
	one := listed[topic]
	for _, p := range one.Partitions.Sorted() {
		found = append(found, fmt.Sprint("partition ", p.Partition, " leader ", p.Leader, " epoch ", p.LeaderEpoch,
			" replicas ", p.Replicas, " isr ", p.ISR, " offline ", p.OfflineReplicas))
	}
	found = append(found, fmt.Sprint("internal ", one.IsInternal, ", id ", one.ID != kadm.TopicID{}))
	for range 2 {
		deleted, err := j.admin.DeleteTopics(ctx, topic)
		must(err)
		found = append(found, "delete: "+code(deleted[topic].Err))
	}
	checked, err := j.admin.ValidateCreateTopics(ctx, 2, 1, nil, topic)
	must(err)
	found = append(found, fmt.Sprint("validate: ", code(checked[topic].Err), " ", checked[topic].NumPartitions))
	made, err := j.admin.CreateTopics(ctx, -1, -1, nil, topic)
	must(err)
	one2 := made[topic]
	return append(found, fmt.Sprint("defaults: ", code(one2.Err), " ", one2.NumPartitions, " ", one2.ReplicationFactor,
		" ", len(one2.Configs) > 20))
}

func refusedTopics(ctx context.Context, j *judge) answer {
	found := answer{}
	text := func(s string) *string { return &s }
	try := func(what, topic string, partitions int32, replicas int16, configs map[string]*string) {
		made, err := j.admin.CreateTopics(ctx, partitions, replicas, configs, topic)
		must(err)
		found = append(found, what+": "+code(made[topic].Err))
	}
	try("slash", "not/a/name", 1, 1, nil)
	try("empty", "", 1, 1, nil)
	try("dot", ".", 1, 1, nil)
	try("too long", fmt.Sprintf("%0250d", 1), 1, 1, nil)
	try("no partitions", name("t"), 0, 1, nil)
	try("negative partitions", name("t"), -2, 1, nil)
	try("too many replicas", name("t"), 1, 2, nil)
	try("no replicas", name("t"), 1, 0, nil)
	try("unknown setting", name("t"), 1, 1, map[string]*string{"no.such.config": text("1")})
	try("bad value", name("t"), 1, 1, map[string]*string{"retention.ms": text("soon")})
	try("value out of range", name("t"), 1, 1, map[string]*string{"segment.bytes": text("1")})
	try("bad policy", name("t"), 1, 1, map[string]*string{"cleanup.policy": text("shred")})
	try("null value", name("t"), 1, 1, map[string]*string{"retention.ms": nil})
	base := name("same")
	try("with dots", base+".x", 1, 1, nil)
	try("collides", base+"_x", 1, 1, nil)
	return found
}

func partitions(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 2)
	found := answer{}
	set := func(count int, validate bool, topic string) {
		update := j.admin.UpdatePartitions
		if validate {
			update = j.admin.ValidateUpdatePartitions
		}
		done, err := update(ctx, count, topic)
		must(err)
		found = append(found, fmt.Sprint(count, ": ", code(done[topic].Err)))
		time.Sleep(settle)
	}
	set(4, true, topic)
	set(4, false, topic)
	set(4, false, topic)
	set(3, false, topic)
	set(0, false, topic)
	set(5, false, name("unknown"))
	j.send(ctx, []*kgo.Record{record(topic, 3, "v")})
	listed, err := j.admin.ListTopics(ctx, topic)
	must(err)
	return append(found, fmt.Sprint(len(listed[topic].Partitions), " partitions"))
}

// entries tells values with all synonyms of the settings that are named.
func entries(configs []kadm.Config, wanted ...string) answer {
	found := answer{}
	slices.SortFunc(configs, func(a, b kadm.Config) int { return compare(a.Key, b.Key) })
	for _, c := range configs {
		if !slices.Contains(wanted, c.Key) {
			continue
		}
		line := fmt.Sprint(c.Key, "=", c.MaybeValue(), " ", c.Source)
		for _, s := range c.Synonyms {
			value := "null"
			if s.Value != nil {
				value = *s.Value
			}
			line += fmt.Sprint("; ", s.Key, "=", value, " ", s.Source)
		}
		found = append(found, line)
	}
	return found
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (j *judge) topicEntries(ctx context.Context, topic string, wanted ...string) answer {
	described, err := j.admin.DescribeTopicConfigs(ctx, topic)
	must(err)
	one, err := described.On(topic, nil)
	must(err)
	return append(answer{code(one.Err)}, entries(one.Configs, wanted...)...)
}

func change(op kadm.IncrementalOp, key, value string) kadm.AlterConfig {
	if op == kadm.DeleteConfig {
		return kadm.AlterConfig{Op: op, Name: key}
	}
	return kadm.AlterConfig{Op: op, Name: key, Value: &value}
}

func topicConfigs(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1, "retention.ms", "1234567")
	settings := []string{"retention.ms", "cleanup.policy", "max.message.bytes", "segment.ms", "compression.type", "flush.ms"}
	found := j.topicEntries(ctx, topic, settings...)
	alter := func(topic string, changes ...kadm.AlterConfig) {
		done, err := j.admin.AlterTopicConfigs(ctx, changes, topic)
		must(err)
		one, err := done.On(topic, nil)
		must(err)
		found = append(found, code(one.Err))
		// A broker may answer before it shows the change.
		time.Sleep(settle)
	}
	alter(topic, change(kadm.SetConfig, "retention.ms", "99"), change(kadm.AppendConfig, "cleanup.policy", "compact"))
	found = append(found, j.topicEntries(ctx, topic, settings...)...)
	alter(topic, change(kadm.DeleteConfig, "retention.ms", ""), change(kadm.SubtractConfig, "cleanup.policy", "delete"))
	found = append(found, j.topicEntries(ctx, topic, settings...)...)
	alter(topic, change(kadm.SetConfig, "retention.ms", "soon"))
	alter(topic, change(kadm.SetConfig, "no.such.config", "1"))
	alter(topic, change(kadm.AppendConfig, "retention.ms", "1"))
	alter(topic, change(kadm.SetConfig, "flush.ms", "7"), change(kadm.SetConfig, "segment.bytes", "1"))
	alter(topic, change(kadm.SetConfig, "flush.ms", "7"), change(kadm.SetConfig, "flush.ms", "8"))
	alter(name("unknown"), change(kadm.SetConfig, "flush.ms", "7"))
	checked, err := j.admin.ValidateAlterTopicConfigs(ctx, []kadm.AlterConfig{change(kadm.SetConfig, "flush.ms", "7")}, topic)
	must(err)
	found = append(found, "validate: "+code(checked[0].Err))
	state, err := j.admin.AlterTopicConfigsState(ctx, []kadm.AlterConfig{change(kadm.SetConfig, "segment.ms", "5000")}, topic)
	must(err)
	found = append(found, "state: "+code(state[0].Err))
	time.Sleep(settle)
	return append(found, j.topicEntries(ctx, topic, settings...)...)
}

func (j *judge) brokerEntries(ctx context.Context, brokers []int32, wanted ...string) answer {
	described, err := j.admin.DescribeBrokerConfigs(ctx, brokers...)
	must(err)
	return append(answer{code(described[0].Err)}, entries(described[0].Configs, wanted...)...)
}

// brokerConfigs changes settings of the running broker, of this node and of all, and takes them back.
func brokerConfigs(ctx context.Context, j *judge) answer {
	settings := []string{"log.cleaner.delete.retention.ms", "log.index.interval.bytes", "max.connections", "num.partitions"}
	found := answer{}
	alter := func(brokers []int32, changes ...kadm.AlterConfig) {
		done, err := j.admin.AlterBrokerConfigs(ctx, changes, brokers...)
		must(err)
		found = append(found, code(done[0].Err))
	}
	settled := func(brokers []int32, key, value string) {
		until(ctx, key+"="+value, func() bool {
			return slices.ContainsFunc(j.brokerEntries(ctx, brokers, key), func(line string) bool {
				return len(line) > len(key+value) && line[:len(key)+1+len(value)] == key+"="+value
			})
		})
	}
	for _, brokers := range [][]int32{{1}, nil} { // What an interrupted run may have left.
		alter(brokers, change(kadm.DeleteConfig, "log.index.interval.bytes", ""), change(kadm.DeleteConfig, "log.cleaner.delete.retention.ms", ""))
	}
	settled([]int32{1}, "log.index.interval.bytes", "4096")
	settled([]int32{1}, "log.cleaner.delete.retention.ms", "86400000")
	found = append(found, j.brokerEntries(ctx, []int32{1}, settings...)...)
	alter(nil, change(kadm.SetConfig, "log.cleaner.delete.retention.ms", "70000000"), change(kadm.SetConfig, "log.index.interval.bytes", "5000"))
	settled([]int32{1}, "log.index.interval.bytes", "5000")
	settled([]int32{1}, "log.cleaner.delete.retention.ms", "70000000")
	alter([]int32{1}, change(kadm.SetConfig, "log.index.interval.bytes", "6000"))
	settled([]int32{1}, "log.index.interval.bytes", "6000")
	found = append(found, j.brokerEntries(ctx, []int32{1}, settings...)...)
	found = append(found, j.brokerEntries(ctx, nil, settings...)...)
	topic := j.topic(ctx, 1)
	found = append(found, j.topicEntries(ctx, topic, "index.interval.bytes", "delete.retention.ms")...)
	alter([]int32{1}, change(kadm.SetConfig, "num.partitions", "3"))
	alter([]int32{1}, change(kadm.SetConfig, "log.index.interval.bytes", "few"))
	alter([]int32{1}, change(kadm.SetConfig, "node.id", "3"))
	alter([]int32{1}, change(kadm.DeleteConfig, "log.index.interval.bytes", ""))
	settled([]int32{1}, "log.index.interval.bytes", "5000")
	found = append(found, j.brokerEntries(ctx, []int32{1}, settings...)...)
	alter(nil, change(kadm.DeleteConfig, "log.index.interval.bytes", ""), change(kadm.DeleteConfig, "log.cleaner.delete.retention.ms", ""))
	settled([]int32{1}, "log.index.interval.bytes", "4096")
	settled([]int32{1}, "log.cleaner.delete.retention.ms", "86400000")
	return append(found, j.brokerEntries(ctx, []int32{1}, settings...)...)
}

func unknownBrokerSetting(ctx context.Context, j *judge) answer {
	done, err := j.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{change(kadm.SetConfig, "no.such.config", "1")}, 1)
	must(err)
	_, err = j.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{change(kadm.DeleteConfig, "no.such.config", "")}, 1)
	must(err)
	return answer{code(done[0].Err)}
}

func cluster(ctx context.Context, j *judge) answer {
	metadata, err := j.admin.BrokerMetadata(ctx)
	must(err)
	found := answer{fmt.Sprint("controller ", metadata.Controller, ", id ", len(metadata.Cluster))}
	for _, broker := range metadata.Brokers {
		found = append(found, fmt.Sprint("node ", broker.NodeID, " ", broker.Host, " rack ", broker.Rack))
	}
	for _, one := range []string{"group", ""} {
		at := j.admin.FindGroupCoordinators(ctx, one)
		found = append(found, fmt.Sprint("coordinator of '", one, "': ", at[one].NodeID, " ", code(at[one].Err)))
	}
	at := j.admin.FindTxnCoordinators(ctx, "id")
	return append(found, fmt.Sprint("transaction coordinator: ", at["id"].NodeID, " ", code(at["id"].Err)))
}

func logDirs(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 2)
	j.send(ctx, []*kgo.Record{record(topic, 0, "v"), record(topic, 1, "v")})
	all, err := j.admin.DescribeAllLogDirs(ctx, kadm.TopicsSet{topic: {0: {}, 1: {}}})
	must(err)
	found := answer{}
	all.Each(func(dir kadm.DescribedLogDir) {
		found = append(found, fmt.Sprint("broker ", dir.Broker, " ", code(dir.Err), ", a folder: ", dir.Dir != ""))
		for _, p := range dir.Topics[topic] {
			found = append(found, fmt.Sprint(p.Partition, ": ", p.Size, " bytes, lag ", p.OffsetLag, ", future ", p.IsFuture))
		}
	})
	slices.Sort(found)
	return found
}

// singleNode asks for what one node can't do, or has nothing to do for.
func singleNode(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	found := answer{}
	elected, err := j.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {0: {}}})
	found = append(found, "elect: "+code(err))
	if err == nil {
		found = append(found, code(elected[topic][0].Err))
	}
	request := kadm.AlterPartitionAssignmentsReq{}
	request.Assign(topic, 0, []int32{5})
	assigned, err := j.admin.AlterPartitionAssignments(ctx, request)
	found = append(found, "assign: "+code(err))
	if err == nil {
		found = append(found, code(assigned[topic][0].Err))
	}
	listed, err := j.admin.ListPartitionReassignments(ctx, nil)
	found = append(found, fmt.Sprint("reassignments: ", code(err), " ", len(listed)))
	return found
}

func leaderEpochs(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	j.send(ctx, []*kgo.Record{record(topic, 0, "v"), record(topic, 0, "v")})
	found := answer{}
	for _, epoch := range []int32{0, 3} {
		request := kadm.OffsetForLeaderEpochRequest{}
		request.Add(topic, 0, epoch)
		done, err := j.admin.OffsetForLeaderEpoch(ctx, request)
		must(err)
		one := done[topic][0]
		found = append(found, fmt.Sprint(epoch, ": epoch ", one.LeaderEpoch, " ends at ", one.EndOffset, " ", code(one.Err)))
	}
	return found
}

func describedTopic(ctx context.Context, j *judge) answer {
	described, err := j.admin.DescribeTopicConfigs(ctx, j.topic(ctx, 1))
	must(err)
	found := answer{}
	for _, config := range described[0].Configs {
		if config.Key == "min.insync.replicas" {
			found = append(found, fmt.Sprint(config.Key, "=", config.MaybeValue(), " ", config.Source))
		}
	}
	return found
}

func features(ctx context.Context, j *judge) answer {
	versions, err := j.admin.ApiVersions(ctx)
	must(err)
	found := answer{}
	for _, broker := range versions.Sorted() {
		for _, feature := range broker.Raw().FinalizedFeatures {
			found = append(found, fmt.Sprint(feature.Name, " ", feature.MinVersionLevel, " to ", feature.MaxVersionLevel))
		}
	}
	slices.Sort(found)
	return found
}

// featureLevels sets none but the level that there is, and ones that can't be.
func featureLevels(ctx context.Context, j *judge) answer {
	found := answer{}
	for _, level := range []int16{1, 9} {
		update := kadm.FeatureUpdate{Feature: "group.version", MaxVersionLevel: level, UpgradeType: 1}
		done, err := j.admin.UpdateFeatures(ctx, true, update)
		found = append(found, fmt.Sprint(level, ": ", code(err), " ", code(done["group.version"].Err)))
	}
	return found
}

// apiVersions leaves out what the bundled broker announces nowhere: security, quotas, telemetry, share groups and groups
// of Kafka Streams.
func apiVersions(ctx context.Context, j *judge) answer {
	versions, err := j.admin.ApiVersions(ctx)
	must(err)
	elsewhere := regexp.MustCompile("ACL|SASL|Share|StreamsGroup|DelegationToken|ClientQuotas|UserSCRAM|Telemetry")
	found := answer{}
	for _, broker := range versions.Sorted() {
		broker.EachKeySorted(func(key, least, most int16) {
			if name := kmsg.NameForKey(key); !elsewhere.MatchString(name) {
				found = append(found, fmt.Sprint(key, " ", name, ": ", least, " to ", most))
			}
		})
	}
	return found
}
