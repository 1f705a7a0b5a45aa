package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var recordScenarios = []scenario{
	{"codec_none", codec(kgo.NoCompression())},
	{"codec_gzip", codec(kgo.GzipCompression())},
	{"codec_snappy", codec(kgo.SnappyCompression())},
	{"codec_lz4", codec(kgo.Lz4Compression())},
	{"codec_zstd", codec(kgo.ZstdCompression())},
	{"acks", acks},
	{"idempotence", idempotence},
	{"large_record", largeRecord},
	{"too_large_record", tooLargeRecord},
	{"timestamps", timestamps},
	{"offsets_by_time", offsetsByTime},
	{"watermarks", watermarks},
	{"unknown_topic", unknownTopic},
	{"auto_created_topic", autoCreatedTopic},
	{"delete_records", deleteRecords},
	{"compaction", compaction},
	{"retention", retention},
	{"small_fetches", smallFetches},
	{"patient_fetches", patientFetches},
}

// Young enough for every retention.
var baseMs = time.Now().Add(-time.Hour).UnixMilli()

func codec(compression kgo.CompressionCodec) func(context.Context, *judge) answer {
	return func(ctx context.Context, j *judge) answer {
		topic := j.topic(ctx, 1)
		at := time.UnixMilli(baseMs)
		sent := []*kgo.Record{
			{Key: []byte("key"), Value: []byte("value"), Headers: []kgo.RecordHeader{
				{Key: "a", Value: []byte("1")}, {Key: "b"}, {Key: "a", Value: []byte("2")},
			}},
			{Key: []byte("tombstone")},
			{Value: []byte{}},
			{Key: []byte{}, Value: []byte(strings.Repeat("x", 50_000)), Headers: []kgo.RecordHeader{{Value: []byte{}}}},
		}
		for n := range 50 {
			sent = append(sent, &kgo.Record{Key: fmt.Append(nil, n%7), Value: fmt.Append(nil, "value ", n)})
		}
		for n, one := range sent {
			one.Topic, one.Timestamp = topic, at.Add(time.Duration(n)*time.Millisecond)
		}
		j.send(ctx, sent, kgo.ProducerBatchCompression(compression))
		return described(j.read(ctx, topic, []int32{0}, len(sent)))
	}
}

func described(records []*kgo.Record) answer {
	found := answer{}
	for _, r := range records {
		var headers []string
		for _, header := range r.Headers {
			headers = append(headers, header.Key+"="+text(header.Value))
		}
		found = append(found, fmt.Sprint(r.Partition, "/", r.Offset, " epoch ", r.LeaderEpoch, " ", text(r.Key), " ",
			text(r.Value), " ", r.Timestamp.UnixMilli()-baseMs, " ", headers, " codec ", r.Attrs.CompressionType()))
	}
	return found
}

func acks(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	found := answer{}
	for _, each := range []kgo.Acks{kgo.AllISRAcks(), kgo.LeaderAck(), kgo.NoAck()} {
		sent := j.send(ctx, []*kgo.Record{record(topic, 0, "v")}, kgo.RequiredAcks(each), kgo.DisableIdempotentWrite())
		if each != kgo.NoAck() {
			found = append(found, fmt.Sprint(sent[0].Offset))
		}
	}
	return append(found, values(j.read(ctx, topic, []int32{0}, 3))...)
}

func idempotence(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 4)
	var sent []*kgo.Record
	for n := range 400 {
		sent = append(sent, record(topic, int32(n%4), fmt.Sprint(n)))
	}
	j.send(ctx, sent, kgo.ProducerBatchMaxBytes(512))
	found := answer{}
	inOrder := map[int32]int{0: 0, 1: 1, 2: 2, 3: 3}
	for _, r := range j.read(ctx, topic, []int32{0, 1, 2, 3}, len(sent)) {
		if string(r.Value) != fmt.Sprint(inOrder[r.Partition]) {
			found = append(found, fmt.Sprint("out of order: ", string(r.Value)))
		}
		inOrder[r.Partition] += 4
	}
	producers, err := j.admin.DescribeProducers(ctx, kadm.TopicsSet{topic: {0: {}}})
	must(err)
	producers.EachProducer(func(p kadm.DescribedProducer) {
		found = append(found, fmt.Sprint("epoch ", p.ProducerEpoch, ", sequence ", p.LastSequence, ", transaction at ", p.CurrentTxnStartOffset))
	})
	return found
}

func largeRecord(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1, "max.message.bytes", "10000000")
	j.send(ctx, []*kgo.Record{record(topic, 0, strings.Repeat("x", 5_000_000)), record(topic, 0, "after")},
		kgo.ProducerBatchMaxBytes(9_000_000))
	return values(j.read(ctx, topic, []int32{0}, 2, kgo.FetchMaxPartitionBytes(1000), kgo.FetchMaxBytes(1000)))
}

func tooLargeRecord(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1, "max.message.bytes", "1000")
	producer := j.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer producer.Close()
	found := answer{code(producer.ProduceSync(ctx, record(topic, 0, strings.Repeat("x", 2_000))).FirstErr())}
	found = append(found, code(producer.ProduceSync(ctx, record(topic, 0, "small")).FirstErr()))
	return append(found, values(j.read(ctx, topic, []int32{0}, 1))...)
}

func timestamps(ctx context.Context, j *judge) answer {
	stamped := j.topic(ctx, 1, "message.timestamp.type", "LogAppendTime")
	before := time.Now().Add(-time.Second)
	one := record(stamped, 0, "v")
	one.Timestamp = time.UnixMilli(baseMs)
	j.send(ctx, []*kgo.Record{one}, kgo.ProducerBatchCompression(kgo.GzipCompression()))
	read := j.read(ctx, stamped, []int32{0}, 1)[0]
	found := answer{fmt.Sprint("type ", read.Attrs.TimestampType(), ", the broker's time: ", read.Timestamp.After(before))}

	narrow := j.topic(ctx, 1, "message.timestamp.before.max.ms", "3600000", "message.timestamp.after.max.ms", "3600000")
	producer := j.client(kgo.DisableIdempotentWrite())
	defer producer.Close()
	for _, shift := range []time.Duration{-2 * time.Hour, 2 * time.Hour, time.Minute} {
		one := record(narrow, 0, "v")
		one.Timestamp = time.Now().Add(shift)
		found = append(found, code(producer.ProduceSync(ctx, one).FirstErr()))
	}
	return found
}

func offsetsByTime(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 2)
	var sent []*kgo.Record
	for _, at := range []int64{0, 1000, 5000, 3000, 4000, 2000} {
		one := record(topic, 0, "v")
		one.Timestamp = time.UnixMilli(baseMs + at)
		sent = append(sent, one)
	}
	j.send(ctx, sent, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	found := answer{}
	tell := func(what string, offsets kadm.ListedOffsets, err error) {
		must(err)
		for partition := range int32(2) {
			o, _ := offsets.Lookup(topic, partition)
			at := o.Timestamp
			if at > 0 {
				at -= baseMs
			}
			found = append(found, fmt.Sprint(what, " ", o.Partition, ": ", o.Offset, " at ", at, " epoch ", o.LeaderEpoch, " ", code(o.Err)))
		}
	}
	for _, at := range []int64{-1, 0, 1, 2500, 5000, 5001} {
		offsets, err := j.admin.ListOffsetsAfterMilli(ctx, baseMs+at, topic)
		tell(fmt.Sprint("after ", at), offsets, err)
	}
	offsets, err := j.admin.ListMaxTimestampOffsets(ctx, topic)
	tell("max timestamp", offsets, err)
	offsets, err = j.admin.ListLocalLogStartOffsets(ctx, topic)
	tell("local start", offsets, err)
	return found
}

func watermarks(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 2)
	found := answer{}
	tell := func() {
		for what, list := range map[string]func(context.Context, ...string) (kadm.ListedOffsets, error){
			"start": j.admin.ListStartOffsets, "stable": j.admin.ListCommittedOffsets, "end": j.admin.ListEndOffsets,
		} {
			offsets, err := list(ctx, topic)
			must(err)
			for partition := range int32(2) {
				o, _ := offsets.Lookup(topic, partition)
				found = append(found, fmt.Sprint(what, " ", partition, ": ", o.Offset, " epoch ", o.LeaderEpoch, " ", code(o.Err)))
			}
		}
	}
	tell()
	j.send(ctx, []*kgo.Record{record(topic, 1, "a"), record(topic, 1, "b"), record(topic, 1, "c")})
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 1, 2, -1)
	_, err := j.admin.DeleteRecords(ctx, offsets)
	must(err)
	tell()
	slices.Sort(found)
	return found
}

func unknownTopic(ctx context.Context, j *judge) answer {
	topic := name("unknown")
	producer := j.client(kgo.UnknownTopicRetries(1))
	defer producer.Close()
	found := answer{"produce: " + code(producer.ProduceSync(ctx, record(topic, 0, "v")).FirstErr())}
	consumer := j.client(kgo.ConsumeTopics(topic), kgo.KeepRetryableFetchErrors(), kgo.UnknownTopicRetries(1))
	defer consumer.Close()
	found = append(found, "fetch: "+code(consumer.PollFetches(ctx).Err()))
	metadata, err := j.admin.Metadata(ctx, topic)
	must(err)
	found = append(found, "metadata: "+code(metadata.Topics[topic].Err))
	offsets, err := j.admin.ListEndOffsets(ctx, topic)
	found = append(found, fmt.Sprint("offsets: ", code(err), " ", code(offsets.Error())))
	deleted, err := j.admin.DeleteTopics(ctx, topic)
	must(err)
	return append(found, "delete: "+code(deleted[topic].Err))
}

func autoCreatedTopic(ctx context.Context, j *judge) answer {
	topic := name("auto")
	producer := j.client(kgo.AllowAutoTopicCreation())
	defer producer.Close()
	sent := record(topic, 0, "v")
	found := answer{code(producer.ProduceSync(ctx, sent).FirstErr())}
	topics, err := j.admin.ListTopics(ctx, topic)
	must(err)
	found = append(found, fmt.Sprint(len(topics[topic].Partitions), " partitions"))
	return append(found, values(j.read(ctx, topic, []int32{0}, 1))...)
}

func deleteRecords(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	for range 10 {
		j.send(ctx, []*kgo.Record{record(topic, 0, "v")})
	}
	found := answer{}
	remove := func(upTo int64) {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, upTo, -1)
		done, err := j.admin.DeleteRecords(ctx, offsets)
		must(err)
		response, _ := done.Lookup(topic, 0)
		found = append(found, fmt.Sprint("delete to ", upTo, ": ", code(response.Err), ", low ", response.LowWatermark))
	}
	remove(4)
	start, err := j.admin.ListStartOffsets(ctx, topic)
	must(err)
	first, _ := start.Lookup(topic, 0)
	found = append(found, fmt.Sprint("start ", first.Offset))
	remove(2)
	remove(11)
	consumer := j.client(kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(1)}}))
	defer consumer.Close()
	found = append(found, "fetch below: "+code(consumer.PollFetches(ctx).Err()))
	found = append(found, fmt.Sprint("first read ", j.read(ctx, topic, []int32{0}, 6)[0].Offset))
	remove(-1)
	return found
}

func compaction(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001", "segment.ms", "100",
		"delete.retention.ms", "0", "file.delete.delay.ms", "0")
	for n := range 12 {
		one := record(topic, 0, fmt.Sprint("value ", n))
		one.Key = fmt.Append(nil, "key ", n%3)
		if n == 10 {
			one.Value = nil
		}
		j.send(ctx, []*kgo.Record{one})
	}
	producer := j.client(kgo.DisableIdempotentWrite())
	defer producer.Close()
	found := answer{"without a key: " + code(producer.ProduceSync(ctx, record(topic, 0, "v")).FirstErr())}
	// The newest segment isn't compacted: filler closes those before it.
	fill := func() {
		time.Sleep(200 * time.Millisecond)
		one := record(topic, 0, "filler")
		one.Key = []byte("filler")
		j.send(ctx, []*kgo.Record{one})
	}
	var left answer
	until(ctx, "compaction", func() bool {
		fill()
		offsets, err := j.admin.ListEndOffsets(ctx, topic)
		must(err)
		end, _ := offsets.Lookup(topic, 0)
		left = nil
		count := 0
		consumer := j.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
		defer consumer.Close()
		for last := int64(-1); last < end.Offset-1; {
			for _, r := range consumer.PollFetches(ctx).Records() {
				last = r.Offset
				if string(r.Key) != "filler" {
					count++
					left = append(left, fmt.Sprint(r.Offset, " ", text(r.Key), " ", text(r.Value)))
				}
			}
		}
		return count <= 2
	})
	return append(found, left...)
}

func retention(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1, "retention.ms", "60000", "segment.ms", "100", "file.delete.delay.ms", "0")
	for range 3 {
		one := record(topic, 0, "old")
		one.Timestamp = time.Now().Add(-time.Hour)
		j.send(ctx, []*kgo.Record{one})
	}
	start := int64(0)
	until(ctx, "retention", func() bool {
		offsets, err := j.admin.ListStartOffsets(ctx, topic)
		must(err)
		first, _ := offsets.Lookup(topic, 0)
		start = first.Offset
		return start == 3
	})
	sent := j.send(ctx, []*kgo.Record{record(topic, 0, "new")})
	return append(answer{fmt.Sprint("start ", start, ", next ", sent[0].Offset)}, values(j.read(ctx, topic, []int32{0}, 1))...)
}

// smallFetches reads with settings that are legal and useless: a byte at a time.
func smallFetches(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 3)
	var sent []*kgo.Record
	for n := range 60 {
		sent = append(sent, record(topic, int32(n%3), fmt.Sprint("value ", n)))
	}
	j.send(ctx, sent, kgo.ProducerBatchMaxBytes(512))
	read := j.read(ctx, topic, []int32{0, 1, 2}, 60, kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1), kgo.DisableFetchSessions())
	counts := map[int32]int{}
	for _, r := range read {
		counts[r.Partition]++
	}
	return answer{fmt.Sprint(counts)}
}

// patientFetches waits for more bytes than will come, and gets what there is when its time is over.
func patientFetches(ctx context.Context, j *judge) answer {
	topic := j.topic(ctx, 1)
	j.send(ctx, []*kgo.Record{record(topic, 0, "v")})
	begin := time.Now()
	read := j.read(ctx, topic, []int32{0}, 1, kgo.FetchMinBytes(1_000_000), kgo.FetchMaxWait(600*time.Millisecond))
	waited := time.Since(begin) > 500*time.Millisecond
	return append(values(read), fmt.Sprint("waited: ", waited))
}
