import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Judges a broker with Kafka's own Java clients: runs every check and prints "name ok" or "name FAILED why".
 *
 * Argument: the bootstrap address.
 */
public class ClientJudge {
    private static final Duration STEP = Duration.ofMillis(50);
    private static final long TIMEOUT_MS = 30_000;
    private final String bootstrap;
    private final Admin admin;
    private int names = 0;

    private interface Check {
        void run() throws Exception;
    }

    private ClientJudge(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] arguments) {
        ClientJudge judge = new ClientJudge(arguments[0]);
        Map<String, Check> checks = new TreeMap<>();
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            checks.put("records_" + codec, () -> judge.records(codec));
        }
        for (String assignor : List.of("Range", "RoundRobin", "Sticky", "CooperativeSticky")) {
            checks.put("group_" + assignor, () -> judge.group(assignor));
        }
        checks.put("static_member", judge::staticMember);
        checks.put("stale_member", judge::staleMember);
        checks.put("offsets_by_time", judge::offsetsByTime);
        checks.put("topics", judge::topics);
        checks.put("configs", judge::configs);
        checks.put("too_large", judge::tooLarge);
        checks.put("delete_records", judge::deleteRecords);
        checks.put("groups_admin", judge::groupsAdmin);
        checks.put("cluster", judge::cluster);
        checks.put("transactions", judge::transactions);
        checks.put("fencing", judge::fencing);
        checks.put("offsets_in_transactions", judge::offsetsInTransactions);
        checks.forEach((name, check) -> {
            try {
                check.run();
                System.out.println(name + " ok");
            } catch (Throwable error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                System.out.println(name + " FAILED " + cause + " at " + line(error));
            }
        });
        judge.admin.close(Duration.ZERO);
        System.exit(0);
    }

    private static String line(Throwable error) {
        for (StackTraceElement element : error.getStackTrace()) {
            if (element.getClassName().startsWith("ClientJudge")) {
                return "line " + element.getLineNumber();
            }
        }
        return "?";
    }

    private void records(String codec) throws Exception {
        String topic = newTopic(1);
        long now = System.currentTimeMillis();
        List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
        sent.add(new ProducerRecord<>(topic, 0, now, bytes("key"), bytes("value"), List.of(
            new RecordHeader("a", bytes("1")), new RecordHeader("b", (byte[]) null), new RecordHeader("a", bytes("2")))));
        sent.add(new ProducerRecord<>(topic, 0, (Long) (now + 1), bytes("tombstone"), (byte[]) null));
        sent.add(new ProducerRecord<>(topic, 0, (Long) (now + 2), (byte[]) null, new byte[0]));
        sent.add(new ProducerRecord<>(topic, 0, now + 3, new byte[0], new byte[60_000]));
        for (int n = 0; n < 2000; n++) {
            sent.add(new ProducerRecord<>(topic, 0, now + n, bytes("" + n % 7), bytes("value " + n)));
        }
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", codec))) {
            for (ProducerRecord<byte[], byte[]> record : sent) {
                futures.add(producer.send(record));
            }
        }
        for (int n = 0; n < sent.size(); n++) {
            equal((long) n, futures.get(n).get().offset());
        }
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
            until(() -> {
                consumer.poll(STEP).forEach(found::add);
                return found.size() >= sent.size();
            }, "all records");
            for (int n = 0; n < sent.size(); n++) {
                ProducerRecord<byte[], byte[]> expected = sent.get(n);
                ConsumerRecord<byte[], byte[]> actual = found.get(n);
                equal((long) n, actual.offset());
                equal(expected.timestamp(), actual.timestamp());
                check(Arrays.equals(expected.key(), actual.key()), "key " + n);
                check(Arrays.equals(expected.value(), actual.value()), "value " + n);
                Header[] headers = actual.headers().toArray();
                check(Arrays.equals(expected.headers().toArray(), headers), "headers " + n);
            }
            equal(0, actualEpoch(found.get(0)));
        }
    }

    private static int actualEpoch(ConsumerRecord<byte[], byte[]> record) {
        return record.leaderEpoch().orElse(-1);
    }

    /** Members on threads of their own, as Java's consumer wants it. */
    private final class Member extends Thread {
        final Set<Integer> assigned = ConcurrentHashMap.newKeySet();
        final Map<String, Integer> seen;
        private final Map<String, Object> settings;
        private final String topic;
        private volatile boolean stopped = false;
        private volatile Exception failure = null;

        Member(Map<String, Object> settings, String topic, Map<String, Integer> seen) {
            this.settings = settings;
            this.topic = topic;
            this.seen = seen;
            start();
        }

        @Override
        public void run() {
            try (Consumer<byte[], byte[]> consumer = consumer(settings)) {
                consumer.subscribe(List.of(topic));
                while (!stopped) {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(STEP)) {
                        seen.merge(record.partition() + ":" + record.offset(), 1, Integer::sum);
                    }
                    Set<Integer> now = new HashSet<>();
                    consumer.assignment().forEach(partition -> now.add(partition.partition()));
                    assigned.retainAll(now);
                    assigned.addAll(now);
                    try {
                        consumer.commitSync();
                    } catch (CommitFailedException | org.apache.kafka.common.errors.RebalanceInProgressException again) {
                        continue;
                    }
                }
            } catch (Exception error) {
                failure = error;
            }
        }

        void finish() throws Exception {
            stopped = true;
            join();
            if (failure != null) {
                throw failure;
            }
        }
    }

    private void group(String assignor) throws Exception {
        String topic = newTopic(4);
        String group = newName("group");
        Map<String, Object> settings = Map.of("group.id", group, "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer." + assignor + "Assignor");
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        fill(topic, 10);
        Member first = new Member(settings, topic, seen);
        until(() -> seen.size() == 40 && first.assigned.size() == 4, "the first 40 records");
        Member second = new Member(settings, topic, seen);
        until(() -> first.assigned.size() == 2 && second.assigned.size() == 2, "two shares");
        fill(topic, 10);
        until(() -> seen.size() == 80, "80 records");
        first.finish();
        until(() -> second.assigned.size() == 4, "all partitions for the one that is left");
        fill(topic, 10);
        until(() -> seen.size() == 120, "120 records");
        second.finish();
        equal(120, seen.values().stream().mapToInt(Integer::intValue).sum());

        Map<String, Integer> resumed = new ConcurrentHashMap<>();
        Member third = new Member(settings, topic, resumed);
        until(() -> third.assigned.size() == 4, "an assignment");
        fill(topic, 1);
        until(() -> resumed.size() >= 4, "the records after the commit");
        third.finish();
        equal(Set.of("0:30", "1:30", "2:30", "3:30"), resumed.keySet());
    }

    private void staticMember() throws Exception {
        String topic = newTopic(4);
        String group = newName("group");
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        Member stays = new Member(Map.of("group.id", group, "group.instance.id", "one"), topic, seen);
        Map<String, Object> settings = Map.of("group.id", group, "group.instance.id", "two");
        Member restarts = new Member(settings, topic, seen);
        until(() -> stays.assigned.size() == 2 && restarts.assigned.size() == 2, "two shares");
        Set<Integer> before = new HashSet<>(stays.assigned);
        Set<Integer> share = new HashSet<>(restarts.assigned);
        restarts.finish();
        Member again = new Member(settings, topic, seen);
        until(() -> again.assigned.equals(share), "the same share as before");
        equal(before, new HashSet<>(stays.assigned));
        again.finish();
        stays.finish();
    }

    private void staleMember() throws Exception {
        String topic = newTopic(1);
        String group = newName("group");
        fill(topic, 1);
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of("group.id", group, "max.poll.interval.ms", 1_000))) {
            consumer.subscribe(List.of(topic));
            until(() -> !consumer.poll(STEP).isEmpty(), "a record");
            Thread.sleep(2_500);
            boolean refused = false;
            try {
                consumer.commitSync();
            } catch (CommitFailedException expected) {
                refused = true;
            }
            check(refused, "a member that was too slow could commit");
        }
    }

    private void offsetsByTime() throws Exception {
        String topic = newTopic(2);
        TopicPartition filled = new TopicPartition(topic, 0);
        TopicPartition empty = new TopicPartition(topic, 1);
        long base = 1_600_000_000_000L;
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", "lz4"))) {
            for (int n = 0; n < 10; n++) {
                producer.send(new ProducerRecord<>(topic, 0, base + 1_000 * n, null, bytes("v")));
            }
        }
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of())) {
            Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(Map.of(filled, base + 4_001, empty, base));
            equal(5L, found.get(filled).offset());
            equal(base + 5_000, found.get(filled).timestamp());
            check(found.get(empty) == null, "an empty partition has no offset by time");
            equal(10L, consumer.endOffsets(List.of(filled)).get(filled));
            equal(0L, consumer.beginningOffsets(List.of(filled)).get(filled));
        }
        equal(9L, admin.listOffsets(Map.of(filled, OffsetSpec.maxTimestamp())).partitionResult(filled).get().offset());
        equal(10L, admin.listOffsets(Map.of(filled, OffsetSpec.latest())).partitionResult(filled).get().offset());
    }

    private void topics() throws Exception {
        String topic = newTopic(3);
        TopicDescription described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        equal(3, described.partitions().size());
        equal(described.topicId(), admin.describeTopics(org.apache.kafka.common.TopicCollection.ofTopicIds(
            List.of(described.topicId()))).allTopicIds().get().keySet().iterator().next());
        check(admin.listTopics().names().get().contains(topic), "listed");
        refused(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
        refused(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("a/b", 1, (short) 1))).all().get());
        admin.deleteTopics(List.of(topic)).all().get();
        until(() -> !names().contains(topic), "the topic to be gone");
        refused(UnknownTopicOrPartitionException.class, () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
    }

    private Set<String> names() {
        try {
            return admin.listTopics().names().get();
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private void configs() throws Exception {
        String topic = newName("topic");
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "1234567")))).all().get();
        until(() -> known(topic), "the topic");
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        equal("1234567", config.get("retention.ms").value());
        equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config.get("retention.ms").source());
        equal("delete", config.get("cleanup.policy").value());
        check(config.get("cleanup.policy").isDefault(), "a default is told as one");
    }

    private void tooLarge() throws Exception {
        String topic = newName("topic");
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("max.message.bytes", "1000")))).all().get();
        until(() -> known(topic), "the topic");
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            refused(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, new byte[2000])).get());
            equal(0L, producer.send(new ProducerRecord<>(topic, new byte[100])).get().offset());
        }
    }

    private void deleteRecords() throws Exception {
        String topic = newTopic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        fill(topic, 10);
        long low = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)))
            .lowWatermarks().get(partition).get().lowWatermark();
        equal(4L, low);
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 0);
            List<Long> offsets = new ArrayList<>();
            until(() -> {
                consumer.poll(STEP).forEach(record -> offsets.add(record.offset()));
                return offsets.size() >= 6;
            }, "what is left");
            equal(List.of(4L, 5L, 6L, 7L, 8L, 9L), offsets);
        }
    }

    private void groupsAdmin() throws Exception {
        String topic = newTopic(2);
        String group = newName("group");
        TopicPartition partition = new TopicPartition(topic, 0);
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        fill(topic, 3);
        Member member = new Member(Map.of("group.id", group, "client.id", "me"), topic, seen);
        until(() -> seen.size() == 6, "6 records");
        Thread.sleep(200);
        ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        equal(GroupState.STABLE, described.groupState());
        equal("range", described.partitionAssignor());
        equal(1, described.members().size());
        equal("me", described.members().iterator().next().clientId());
        equal(2, described.members().iterator().next().assignment().topicPartitions().size());
        equal(3L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset());
        check(admin.listGroups().all().get().stream().anyMatch(one -> one.groupId().equals(group)), "listed");
        refused(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        member.finish();
        equal(GroupState.EMPTY, admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState());
        admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(1, Optional.of(0), "note"))).all().get();
        OffsetAndMetadata altered = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
        equal(new OffsetAndMetadata(1, Optional.of(0), "note"), altered);
        admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        check(!admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().containsKey(partition), "deleted");
        admin.deleteConsumerGroups(List.of(group)).all().get();
        refused(GroupIdNotFoundException.class, () -> admin.describeConsumerGroups(List.of(group)).all().get());
        refused(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get());
    }

    private void cluster() throws Exception {
        equal(1, admin.describeCluster().nodes().get().size());
        equal(bootstrap, admin.describeCluster().controller().get().host() + ":" + admin.describeCluster().controller().get().port());
        check(!admin.describeCluster().clusterId().get().isEmpty(), "cluster id");
    }

    private List<String> read(String topic, String isolation, int count) throws Exception {
        List<String> found = new ArrayList<>();
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of("isolation.level", isolation))) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            until(() -> {
                consumer.poll(STEP).forEach(record -> found.add(new String(record.value(), StandardCharsets.UTF_8)));
                return found.size() >= count;
            }, count + " records, " + isolation);
        }
        return found;
    }

    private void transactions() throws Exception {
        String topic = newTopic(1);
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", newName("transactional")))) {
            producer.initTransactions();
            for (String value : List.of("a", "lost", "b", "c")) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, bytes(value))).get();
                if (value.equals("lost")) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                }
            }
        }
        equal(List.of("a", "b", "c"), read(topic, "read_committed", 3));
        equal(List.of("a", "lost", "b", "c"), read(topic, "read_uncommitted", 4));
    }

    private void fencing() throws Exception {
        String topic = newTopic(1);
        Map<String, Object> settings = Map.of("transactional.id", newName("transactional"));
        try (KafkaProducer<byte[], byte[]> older = producer(settings); KafkaProducer<byte[], byte[]> newer = producer(settings)) {
            older.initTransactions();
            older.beginTransaction();
            older.send(new ProducerRecord<>(topic, bytes("older"))).get();
            newer.initTransactions();
            boolean fenced = false;
            try {
                older.commitTransaction();
            } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                fenced = true;
            }
            check(fenced, "the older producer could commit");
            newer.beginTransaction();
            newer.send(new ProducerRecord<>(topic, bytes("newer")));
            newer.commitTransaction();
        }
        equal(List.of("newer"), read(topic, "read_committed", 1));
    }

    private void offsetsInTransactions() throws Exception {
        String topic = newTopic(1);
        String group = newName("group");
        TopicPartition partition = new TopicPartition(topic, 0);
        fill(topic, 3);
        try (Consumer<byte[], byte[]> consumer = consumer(Map.of("group.id", group));
             KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", newName("transactional")))) {
            consumer.subscribe(List.of(topic));
            producer.initTransactions();
            until(() -> !consumer.poll(STEP).isEmpty(), "records");
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(2)), consumer.groupMetadata());
            producer.commitTransaction();
            equal(2L, consumer.committed(Set.of(partition)).get(partition).offset());
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(3)), consumer.groupMetadata());
            producer.abortTransaction();
            equal(2L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    private String newName(String what) {
        names++;
        return what + "-java-" + ProcessHandle.current().pid() + "-" + names;
    }

    private String newTopic(int partitions) throws Exception {
        String topic = newName("topic");
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        // A cluster's broker may hear of a topic a little later than the controller that made it.
        until(() -> known(topic), "the topic");
        return topic;
    }

    private boolean known(String topic) {
        try {
            return !admin.describeTopics(List.of(topic)).allTopicNames().get().isEmpty();
        } catch (ExecutionException notYet) {
            check(notYet.getCause() instanceof UnknownTopicOrPartitionException, "" + notYet.getCause());
            return false;
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private void fill(String topic, int count) throws Exception {
        int partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            for (int n = 0; n < count * partitions; n++) {
                producer.send(new ProducerRecord<>(topic, n % partitions, null, bytes("v")));
            }
        }
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        all.putAll(settings);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "session.timeout.ms", 6_000, "heartbeat.interval.ms", 200,
            "metadata.max.age.ms", 1_000));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void until(BooleanSupplier condition, String what) throws InterruptedException {
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        while (!condition.getAsBoolean()) {
            check(System.currentTimeMillis() < deadline, "timed out waiting for " + what);
            Thread.sleep(5);
        }
    }

    private static void refused(Class<? extends Exception> expected, Check check) throws Exception {
        try {
            check.run();
        } catch (ExecutionException error) {
            check(expected.isInstance(error.getCause()), expected.getSimpleName() + " expected, not " + error.getCause());
            return;
        }
        throw new IllegalStateException(expected.getSimpleName() + " expected");
    }

    private static void equal(Object expected, Object actual) {
        check(Objects.equals(expected, actual), expected + " expected, not " + actual);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }
}
