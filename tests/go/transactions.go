package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var transactionScenarios = []scenario{
	{"transactions", transactions},
	{"open_transaction", openTransaction},
	{"fencing", fencing},
	{"transaction_offsets", transactionOffsets},
	{"transaction_timeout", transactionTimeout},
	{"transactions_admin", transactionsAdmin},
}

func (j *judge) transactional(id string, options ...kgo.Opt) *kgo.Client {
	return j.client(append(options, kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
}

func committed(j *judge, ctx context.Context, topic string, count int) answer {
	return values(j.read(ctx, topic, []int32{0}, count, kgo.FetchIsolationLevel(kgo.ReadCommitted())))
}

func transactions(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	producer := j.transactional(name("id"))
	defer producer.Close()
	for _, value := range []string{"a", "lost", "b", "gone", "c"} {
		must(producer.BeginTransaction())
		must(producer.ProduceSync(ctx, record(topic, 0, value), record(topic, 0, value+"2")).FirstErr())
		must(producer.EndTransaction(ctx, kgo.TransactionEndTry(len(value) == 1)))
	}
	found := committed(j, ctx, topic, 6)
	found = append(found, values(j.read(ctx, topic, []int32{0}, 10))...)
	end, err := j.admin.ListEndOffsets(ctx, topic)
	must(err)
	last, _ := end.Lookup(topic, 0)
	found = append(found, fmt.Sprint("end ", last.Offset))
	var control answer
	for _, r := range j.read(ctx, topic, []int32{0}, 15, kgo.KeepControlRecords()) {
		if r.Attrs.IsControl() {
			control = append(control, fmt.Sprintf("%d %x %x", r.Offset, r.Key, r.Value))
		}
	}
	return append(found, control...)
}

// openTransaction looks at a transaction from outside while it is open.
func openTransaction(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	j.send(ctx, []*kgo.Record{record(topic, 0, "before")})
	producer := j.transactional(name("id"))
	defer producer.Close()
	must(producer.BeginTransaction())
	must(producer.ProduceSync(ctx, record(topic, 0, "open")).FirstErr())
	j.send(ctx, []*kgo.Record{record(topic, 0, "after")})
	offset := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) int64 {
		offsets, err := list(ctx, topic)
		must(err)
		one, _ := offsets.Lookup(topic, 0)
		return one.Offset
	}
	tell := func() answer {
		return answer{fmt.Sprint("stable ", offset(j.admin.ListCommittedOffsets), ", end ", offset(j.admin.ListEndOffsets))}
	}
	found := append(tell(), committed(j, ctx, topic, 1)...)
	found = append(found, values(j.read(ctx, topic, []int32{0}, 3))...)
	must(producer.EndTransaction(ctx, kgo.TryAbort))
	// Markers are written after the answer.
	until(ctx, "the marker", func() bool { return offset(j.admin.ListCommittedOffsets) == 4 })
	found = append(found, tell()...)
	return append(found, committed(j, ctx, topic, 2)...)
}

func fencing(ctx context.Context, j *judge) answer {
	topic, id := j.topic(ctx, 1), name("id")
	older, newer := j.transactional(id), j.transactional(id)
	defer older.Close()
	defer newer.Close()
	must(older.BeginTransaction())
	must(older.ProduceSync(ctx, record(topic, 0, "older")).FirstErr())
	_, oldEpoch, err := older.ProducerID(ctx)
	must(err)
	must(newer.BeginTransaction())
	must(newer.ProduceSync(ctx, record(topic, 0, "newer")).FirstErr())
	_, newEpoch, err := newer.ProducerID(ctx)
	must(err)
	found := answer{fmt.Sprint("epochs ", newEpoch-oldEpoch, " apart")}
	found = append(found, "older sends: "+code(older.ProduceSync(ctx, record(topic, 0, "older")).FirstErr()))
	found = append(found, "older ends: "+code(older.EndTransaction(ctx, kgo.TryCommit)))
	found = append(found, "newer ends: "+code(newer.EndTransaction(ctx, kgo.TryCommit)))
	return append(found, committed(j, ctx, topic, 1)...)
}

// transactionOffsets moves records from one topic to another, with their offsets, once aborting on the way.
func transactionOffsets(ctx context.Context, j *judge) answer {
	from, to, groupID := j.topic(ctx, 1), j.topic(ctx, 1), name("group")
	j.send(ctx, []*kgo.Record{record(from, 0, "1"), record(from, 0, "2")})
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(j.bootstrap), kgo.TransactionalID(name("id")), kgo.ConsumerGroup(groupID), kgo.ConsumeTopics(from),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(), kgo.FetchMaxWait(50*time.Millisecond), kgo.DefaultProduceTopic(to),
		kgo.HeartbeatInterval(100*time.Millisecond),
	)
	must(err)
	defer session.Close()
	found := answer{}
	for round, commit := range []bool{false, true} {
		var records []*kgo.Record
		until(ctx, "records", func() bool {
			records = append(records, session.PollFetches(ctx).Records()...)
			return len(records) >= 2
		})
		must(session.Begin())
		for _, r := range records {
			must(session.ProduceSync(ctx, &kgo.Record{Value: fmt.Append(nil, string(r.Value), " in ", round)}).FirstErr())
		}
		done, err := session.End(ctx, kgo.TransactionEndTry(commit))
		found = append(found, fmt.Sprint("committed ", done, " ", code(err)))
		until(ctx, "the markers", func() bool {
			offsets, err := j.admin.FetchOffsets(ctx, groupID)
			must(err)
			return !commit || len(offsets.Sorted()) == 1 && offsets.Sorted()[0].At == 2
		})
	}
	return append(found, committed(j, ctx, to, 2)...)
}

// transactionTimeout lets a transaction take too long: the broker ends it, and the producer is told.
func transactionTimeout(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	producer := j.transactional(name("id"), kgo.TransactionTimeout(500*time.Millisecond))
	defer producer.Close()
	must(producer.BeginTransaction())
	must(producer.ProduceSync(ctx, record(topic, 0, "late")).FirstErr())
	j.send(ctx, []*kgo.Record{record(topic, 0, "after")})
	found := committed(j, ctx, topic, 1)
	found = append(found, "commit: "+code(producer.EndTransaction(ctx, kgo.TryCommit)))

	impatient := j.transactional(name("id"), kgo.TransactionTimeout(10*time.Hour))
	defer impatient.Close()
	_, _, err := impatient.ProducerID(ctx)
	return append(found, "too long a timeout: "+code(err))
}

func transactionsAdmin(ctx context.Context, j *judge) answer {
	topic, id := j.topic(ctx, 2), name("id")
	producer := j.transactional(id)
	defer producer.Close()
	found := answer{}
	describe := func(id string) {
		described, err := j.admin.DescribeTransactions(ctx, id)
		must(err)
		one := described[id]
		found = append(found, fmt.Sprint(one.State, " ", code(one.Err), ", timeout ", one.TimeoutMillis, ", partitions ",
			len(one.Topics[topic]), ", started ", one.StartTimestamp > 0))
	}
	listed := func(states ...string) {
		all, err := j.admin.ListTransactions(ctx, nil, states)
		must(err)
		one, there := all[id]
		found = append(found, fmt.Sprint(states, ": ", there, " ", one.State))
	}
	describe(name("unknown"))
	must(producer.BeginTransaction())
	must(producer.ProduceSync(ctx, record(topic, 0, "v"), record(topic, 1, "v")).FirstErr())
	describe(id)
	listed()
	listed("Ongoing")
	listed("Empty", "CompleteCommit")
	producers, err := j.admin.DescribeProducers(ctx, kadm.TopicsSet{topic: {0: {}, 1: {}}})
	must(err)
	var lines answer
	producers.EachProducer(func(p kadm.DescribedProducer) {
		lines = append(lines, fmt.Sprint(p.Partition, ": sequence ", p.LastSequence, ", coordinator epoch ",
			p.CoordinatorEpoch, ", open since ", p.CurrentTxnStartOffset))
	})
	slices.Sort(lines)
	found = append(found, lines...)
	must(producer.EndTransaction(ctx, kgo.TryCommit))
	until(ctx, "the end of the transaction", func() bool {
		described, err := j.admin.DescribeTransactions(ctx, id)
		must(err)
		return described[id].State == "CompleteCommit"
	})
	describe(id)
	return found
}
