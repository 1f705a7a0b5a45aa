package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var groupScenarios = []scenario{
	{"group_range", group(kgo.Balancers(kgo.RangeBalancer()))},
	{"group_roundrobin", group(kgo.Balancers(kgo.RoundRobinBalancer()))},
	{"group_sticky", group(kgo.Balancers(kgo.StickyBalancer()))},
	{"group_cooperative_sticky", group(kgo.Balancers(kgo.CooperativeStickyBalancer()))},
	{"consumer_protocol", consumerProtocol},
	{"static_member", staticMember},
	{"committed_offsets", committedOffsets},
	{"reset_offsets", resetOffsets},
	{"delete_offsets", deleteOffsets},
	{"lost_member", lostMember},
	{"groups_admin", groupsAdmin},
}

// A member is a consumer in a group that polls on its own.
type member struct {
	client   *kgo.Client
	mutex    sync.Mutex
	assigned map[int32]bool
	seen     []string
	stop     context.CancelFunc
	done     sync.WaitGroup
}

func (j *judge) member(ctx context.Context, group, topic string, options ...kgo.Opt) *member {
	m := &member{assigned: map[int32]bool{}}
	take := func(held bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partition := range partitions[topic] {
				if held {
					m.assigned[partition] = true
				} else {
					delete(m.assigned, partition)
				}
			}
		}
	}
	m.client = j.client(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.SessionTimeout(3 * time.Second), kgo.HeartbeatInterval(100 * time.Millisecond),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(take(true)), kgo.OnPartitionsRevoked(take(false)), kgo.OnPartitionsLost(take(false)),
	}, options...)...)
	polling, stop := context.WithCancel(ctx)
	m.stop = stop
	m.done.Go(func() {
		for polling.Err() == nil {
			for _, r := range m.client.PollFetches(polling).Records() {
				m.mutex.Lock()
				m.seen = append(m.seen, fmt.Sprint(r.Partition, "/", r.Offset))
				m.mutex.Unlock()
			}
		}
	})
	return m
}

func (m *member) share() []int32 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found := []int32{}
	for partition := range m.assigned {
		found = append(found, partition)
	}
	slices.Sort(found)
	return found
}

func (m *member) records() []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.seen)
}

func (m *member) commit(ctx context.Context) {
	must(m.client.CommitUncommittedOffsets(ctx))
}

func (m *member) close() {
	m.stop()
	m.done.Wait()
	m.client.Close()
}

// group lets members come and go; each step tells the shares, and at the end how often each record was read.
func group(options ...kgo.Opt) func(context.Context, *judge) answer {
	return func(ctx context.Context, j *judge) answer {
		topic, groupID := j.topic(ctx, 4), name("group")
		found := answer{}
		members := []*member{}
		read := map[string]int{}
		expected := 0
		count := func(m *member) {
			for _, r := range m.records() {
				read[r]++
			}
		}
		step := func(what string, sizes ...int) {
			var sent []*kgo.Record
			for n := range 40 {
				sent = append(sent, record(topic, int32(n%4), "v"))
			}
			expected += len(sent)
			until(ctx, what, func() bool {
				var now []int
				held := map[int32]bool{}
				for _, m := range members {
					share := m.share()
					now = append(now, len(share))
					for _, p := range share {
						held[p] = true
					}
				}
				slices.Sort(now)
				return slices.Equal(now, sizes) && len(held) == 4
			})
			j.send(ctx, sent)
			gone := len(read)
			until(ctx, "records of "+what, func() bool {
				total := gone
				for _, m := range members {
					total += len(m.records())
				}
				return total >= expected
			})
			for _, m := range members {
				m.commit(ctx)
			}
			found = append(found, fmt.Sprint(what, ": ", sizes))
		}
		members = append(members, j.member(ctx, groupID, topic, options...))
		step("one", 4)
		members = append(members, j.member(ctx, groupID, topic, options...))
		step("two", 2, 2)
		members = append(members, j.member(ctx, groupID, topic, options...))
		step("three", 1, 1, 2)
		members[0].close()
		count(members[0])
		members = members[1:]
		step("two again", 2, 2)
		described, err := j.admin.DescribeGroups(ctx, groupID)
		must(err)
		one := described[groupID]
		found = append(found, fmt.Sprint(one.State, " ", one.ProtocolType, " ", one.Protocol, " ", len(one.Members), " members"))
		for _, m := range members {
			m.close()
			count(m)
		}
		once := len(read) == expected
		for _, times := range read {
			once = once && times == 1
		}
		offsets, err := j.admin.FetchOffsets(ctx, groupID)
		must(err)
		for _, o := range offsets.Sorted() {
			found = append(found, fmt.Sprint("partition ", o.Partition, " at ", o.At, " epoch ", o.LeaderEpoch))
		}
		return append(found, fmt.Sprint(len(read), " records, each once: ", once))
	}
}

// consumerProtocol lets members of the new protocol (KIP-848) come and go; the broker assigns.
func consumerProtocol(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 4), name("group")
	// How often such members talk to their group is the broker's to say: they come and go at its pace.
	next := func() *member { return j.member(ctx, groupID, topic, kgo.ServerSideBalancer()) }
	sizes := func(members ...*member) []int {
		found := []int{}
		for _, m := range members {
			found = append(found, len(m.share()))
		}
		slices.Sort(found)
		return found
	}
	var sent []*kgo.Record
	for n := range 40 {
		sent = append(sent, record(topic, int32(n%4), "v"))
	}
	a := next()
	until(ctx, "all partitions", func() bool { return slices.Equal(sizes(a), []int{4}) })
	b := next()
	until(ctx, "two shares", func() bool { return slices.Equal(sizes(a, b), []int{2, 2}) })
	j.send(ctx, sent)
	until(ctx, "all records", func() bool { return len(a.records())+len(b.records()) == len(sent) })
	a.commit(ctx)
	b.commit(ctx)
	described, err := j.admin.DescribeConsumerGroups(ctx, groupID)
	must(err)
	one := described[groupID]
	found := answer{fmt.Sprint(one.State, " ", one.AssignorName, " ", len(one.Members), " members ", code(one.Err))}
	a.close()
	until(ctx, "all partitions again", func() bool { return slices.Equal(sizes(b), []int{4}) })
	b.close()
	offsets, err := j.admin.FetchOffsets(ctx, groupID)
	must(err)
	for _, o := range offsets.Sorted() {
		found = append(found, fmt.Sprint("partition ", o.Partition, " at ", o.At))
	}
	return found
}

// staticMember stops and starts a member with an instance id: nobody rebalances; a second one of that id fences it.
func staticMember(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 4), name("group")
	options := func(id string) []kgo.Opt {
		return []kgo.Opt{kgo.InstanceID(id), kgo.SessionTimeout(20 * time.Second), kgo.Balancers(kgo.RangeBalancer())}
	}
	a := j.member(ctx, groupID, topic, options("a")...)
	b := j.member(ctx, groupID, topic, options("b")...)
	until(ctx, "shares", func() bool { return len(a.share()) == 2 && len(b.share()) == 2 })
	found := answer{fmt.Sprint("a ", a.share(), ", b ", b.share())}
	described, err := j.admin.DescribeGroups(ctx, groupID)
	must(err)
	for _, m := range described[groupID].Members {
		found = append(found, fmt.Sprint("instance ", *m.InstanceID))
	}
	_, generation := b.client.GroupMetadata()
	a.close()
	a = j.member(ctx, groupID, topic, options("a")...)
	until(ctx, "the share of a again", func() bool { return len(a.share()) == 2 })
	_, after := b.client.GroupMetadata()
	found = append(found, fmt.Sprint("a ", a.share(), ", b ", b.share(), ", same generation: ", generation == after))
	removed, err := j.admin.LeaveGroup(ctx, kadm.LeaveGroup(groupID).InstanceIDs("a", "nobody"))
	must(err)
	for _, one := range removed.Sorted() {
		found = append(found, "remove "+one.InstanceID+": "+code(one.Err))
	}
	a.close()
	b.close()
	return found
}

func committedOffsets(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 2), name("group")
	found := answer{}
	tell := func() {
		offsets, err := j.admin.FetchOffsets(ctx, groupID)
		found = append(found, "fetch: "+code(err))
		for _, o := range offsets.Sorted() {
			found = append(found, fmt.Sprint(o.Partition, ": ", o.At, " epoch ", o.LeaderEpoch, " '", o.Metadata, "' ", code(o.Err)))
		}
	}
	tell()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 7, LeaderEpoch: 3, Metadata: "note"})
	offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 0, LeaderEpoch: -1})
	offsets.Add(kadm.Offset{Topic: topic, Partition: 9, At: 1, LeaderEpoch: -1})
	committed, err := j.admin.CommitOffsets(ctx, groupID, offsets)
	must(err)
	for _, o := range committed.Sorted() {
		found = append(found, fmt.Sprint("commit ", o.Partition, ": ", code(o.Err)))
	}
	tell()
	long := kadm.Offsets{}
	long.Add(kadm.Offset{Topic: topic, Partition: 0, At: 1, LeaderEpoch: -1, Metadata: fmt.Sprintf("%05000d", 1)})
	committed, err = j.admin.CommitOffsets(ctx, groupID, long)
	must(err)
	return append(found, "long metadata: "+code(committed.Error()))
}

// resetOffsets sets a group's offsets from outside, which its members forbid.
func resetOffsets(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 1), name("group")
	found := answer{}
	set := func(at int64) {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, at, -1)
		committed, err := j.admin.CommitOffsets(ctx, groupID, offsets)
		must(err)
		fetched, err := j.admin.FetchOffsets(ctx, groupID)
		must(err)
		o, _ := fetched.Lookup(topic, 0)
		found = append(found, fmt.Sprint("set ", at, ": ", code(committed.Error()), ", at ", o.At))
	}
	set(7)
	set(3)
	one := j.member(ctx, groupID, topic, kgo.Balancers(kgo.RangeBalancer()))
	until(ctx, "a share", func() bool { return len(one.share()) == 1 })
	set(5)
	one.close()
	return found
}

func deleteOffsets(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 2), name("group")
	found := answer{}
	remove := func(what, topic string, partition int32) {
		deleted, err := j.admin.DeleteOffsets(ctx, groupID, kadm.TopicsSet{topic: {partition: {}}})
		found = append(found, fmt.Sprint(what, ": ", code(err), " ", code(deleted.Error())))
	}
	remove("unknown group", topic, 0)
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 1, -1)
	offsets.AddOffset(topic, 1, 2, -1)
	_, err := j.admin.CommitOffsets(ctx, groupID, offsets)
	must(err)
	remove("one", topic, 0)
	remove("unknown topic", name("unknown"), 0)
	fetched, err := j.admin.FetchOffsets(ctx, groupID)
	must(err)
	for _, o := range fetched.Sorted() {
		found = append(found, fmt.Sprint(o.Partition, ": ", o.At))
	}
	one := j.member(ctx, groupID, topic, kgo.Balancers(kgo.RangeBalancer()))
	until(ctx, "a share", func() bool { return len(one.share()) == 2 })
	remove("with a member", topic, 1)
	one.close()
	return found
}

// lostMember lets a static member go, which says nothing when it does: its group learns it from the silence.
func lostMember(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 4), name("group")
	stays := j.member(ctx, groupID, topic, kgo.Balancers(kgo.RangeBalancer()))
	lost := j.member(ctx, groupID, topic, kgo.Balancers(kgo.RangeBalancer()), kgo.InstanceID("lost"))
	until(ctx, "shares", func() bool { return len(stays.share()) == 2 && len(lost.share()) == 2 })
	lost.close()
	until(ctx, "all partitions", func() bool { return len(stays.share()) == 4 })
	described, err := j.admin.DescribeGroups(ctx, groupID)
	must(err)
	stays.close()
	return answer{fmt.Sprint(described[groupID].State, " ", len(described[groupID].Members))}
}

func groupsAdmin(ctx context.Context, j *judge) answer {
	topic, groupID := j.topic(ctx, 2), name("group")
	found := answer{}
	tell := func(groupID string) {
		described, err := j.admin.DescribeGroups(ctx, groupID)
		must(err)
		one := described[groupID]
		found = append(found, fmt.Sprint("state ", one.State, " '", one.ProtocolType, "' '", one.Protocol, "' ", len(one.Members), " ", code(one.Err)))
		listed, err := j.admin.ListGroups(ctx)
		must(err)
		entry, there := listed[groupID]
		found = append(found, fmt.Sprint("listed ", there, " ", entry.State, " ", entry.ProtocolType))
	}
	remove := func(groupID string) {
		deleted, err := j.admin.DeleteGroups(ctx, groupID)
		must(err)
		found = append(found, "delete: "+code(deleted[groupID].Err))
	}
	tell(groupID)
	remove(groupID)
	one := j.member(ctx, groupID, topic, kgo.Balancers(kgo.RangeBalancer()))
	until(ctx, "a share", func() bool { return len(one.share()) == 2 })
	tell(groupID)
	described, err := j.admin.DescribeGroups(ctx, groupID)
	must(err)
	for _, m := range described[groupID].Members {
		assigned, _ := m.Assigned.AsConsumer()
		joined, _ := m.Join.AsConsumer()
		found = append(found, fmt.Sprint(m.ClientID, " ", m.ClientHost, " ", len(assigned.Topics[0].Partitions), " of ", len(joined.Topics), " topics"))
	}
	remove(groupID)
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 1, -1)
	committed, err := j.admin.CommitOffsets(ctx, groupID, offsets)
	must(err)
	found = append(found, "commit from outside: "+code(committed.Error()))
	one.close()
	tell(groupID)
	committed, err = j.admin.CommitOffsets(ctx, groupID, offsets)
	must(err)
	found = append(found, "commit to the empty group: "+code(committed.Error()))
	lag, err := j.admin.Lag(ctx, groupID)
	must(err)
	for _, l := range lag[groupID].Lag.Sorted() {
		found = append(found, fmt.Sprint("lag ", l.Partition, ": ", l.Lag))
	}
	remove(groupID)
	tell(groupID)
	return found
}
