import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.FinalizedVersionRange;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Asks a broker questions of the conformance suite with Kafka's Java clients, and prints a line of JSON for each:
 * {"scenario": ..., "answer": [...]}. It judges nothing: the suite asks Apache Kafka the same and compares. So an
 * answer holds nothing that differs between two runs: no ids, times or random names.
 *
 * Arguments: the bootstrap address, and the scenarios, or none for all.
 */
public class ConformanceJudge {
    private static final Duration STEP = Duration.ofMillis(50);
    private static final long TIMEOUT_MS = 30_000;
    private static final int PARALLEL = 6;
    private static final long HOUR_MS = 3_600_000;
    // Parts of a broker may hear of a change a little later than the client that made it.
    private static final long SETTLE_MS = 300;
    private final String bootstrap;
    private final Admin admin;
    private final AtomicInteger names = new AtomicInteger();

    private interface Scenario {
        List<String> ask() throws Exception;
    }

    private interface Call {
        Object run() throws Exception;
    }

    private ConformanceJudge(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    private Map<String, Scenario> scenarios() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        all.put("compaction", this::compaction);
        all.put("retention", this::retention);
        all.put("large_record", this::largeRecord);
        all.put("acks", this::acks);
        all.put("idempotence", this::idempotence);
        all.put("timestamps", this::timestamps);
        all.put("watermarks", this::watermarks);
        all.put("unknown_topic", this::unknownTopic);
        all.put("auto_created_topic", this::autoCreatedTopic);
        all.put("delete_records", this::deleteRecords);
        all.put("small_fetches", this::smallFetches);
        all.put("patient_fetches", this::patientFetches);
        all.put("refused_topics", this::refusedTopics);
        all.put("partitions", this::partitions);
        all.put("described_topic", this::describedTopic);
        all.put("topic_configs", this::topicConfigs);
        all.put("broker_configs", this::brokerConfigs);
        all.put("unknown_broker_setting", this::unknownBrokerSetting);
        all.put("features", this::features);
        all.put("feature_levels", this::featureLevels);
        all.put("quorum", this::quorum);
        all.put("unregister", this::unregister);
        all.put("single_node", this::singleNode);
        all.put("log_dirs", this::logDirs);
        all.put("committed_offsets", this::committedOffsets);
        all.put("reset_offsets", this::resetOffsets);
        all.put("delete_offsets", this::deleteOffsets);
        all.put("open_transaction", this::openTransaction);
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        ConformanceJudge judge = new ConformanceJudge(arguments[0]);
        Set<String> wanted = Set.of(arguments);
        ObjectMapper json = new ObjectMapper();
        ExecutorService pool = Executors.newFixedThreadPool(PARALLEL);
        judge.scenarios().forEach((name, scenario) -> {
            if (wanted.size() > 1 && !wanted.contains(name)) {
                return;
            }
            pool.submit(() -> {
                Map<String, Object> line = new LinkedHashMap<>();
                long begin = System.currentTimeMillis();
                line.put("scenario", name);
                try {
                    line.put("answer", scenario.ask());
                } catch (Throwable error) {
                    line.put("failure", error + " at " + place(error));
                }
                line.put("seconds", (System.currentTimeMillis() - begin) / 1000.0);
                synchronized (json) {
                    System.out.println(json.writeValueAsString(line));
                }
                return null;
            });
        });
        pool.shutdown();
        boolean done = pool.awaitTermination(150, TimeUnit.SECONDS);
        System.exit(done ? 0 : 1);
    }

    private static String place(Throwable error) {
        for (StackTraceElement element : error.getStackTrace()) {
            if (element.getClassName().startsWith("ConformanceJudge")) {
                return "line " + element.getLineNumber();
            }
        }
        return "?";
    }

    private List<String> compaction() throws Exception {
        String topic = topic(1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001", "segment.ms", "100",
            "delete.retention.ms", "0");
        List<String> found = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer()) {
            for (int n = 0; n < 12; n++) {
                producer.send(new ProducerRecord<>(topic, 0, "key " + n % 3, n == 10 ? null : "value " + n)).get();
            }
            found.add("without a key: " + code(() -> producer.send(new ProducerRecord<>(topic, 0, null, "v")).get()));
            List<String> left = new ArrayList<>();
            until(() -> {
                Thread.sleep(150);
                // The newest segment isn't compacted: filler closes those before it.
                long last = producer.send(new ProducerRecord<>(topic, 0, "filler", "filler")).get().offset();
                left.clear();
                for (ConsumerRecord<String, String> record : readTo(topic, 0, last, Map.of())) {
                    if (!record.key().equals("filler")) {
                        left.add(record.offset() + " " + record.key() + " " + record.value());
                    }
                }
                return left.size() <= 2;
            }, "compaction");
            found.addAll(left);
        }
        return found;
    }

    private List<String> retention() throws Exception {
        String topic = topic(1, "retention.ms", "60000", "segment.ms", "100");
        long before = System.currentTimeMillis() - HOUR_MS;
        try (KafkaProducer<String, String> producer = producer()) {
            for (int n = 0; n < 3; n++) {
                producer.send(new ProducerRecord<>(topic, 0, before, null, "old")).get();
            }
            until(() -> offset(topic, 0, OffsetSpec.earliest()) == 3, "retention");
            long next = producer.send(new ProducerRecord<>(topic, 0, null, "new")).get().offset();
            return List.of("next " + next, values(readTo(topic, 0, next, Map.of())));
        }
    }

    private List<String> largeRecord() throws Exception {
        String topic = topic(1, "max.message.bytes", "10000000");
        try (KafkaProducer<String, String> producer = producer("max.request.size", 9_000_000, "buffer.memory", 20_000_000)) {
            producer.send(new ProducerRecord<>(topic, 0, null, "x".repeat(5_000_000))).get();
            producer.send(new ProducerRecord<>(topic, 0, null, "after")).get();
        }
        List<String> found = new ArrayList<>();
        readTo(topic, 0, 1, Map.of("fetch.max.bytes", 1000, "max.partition.fetch.bytes", 1000))
            .forEach(record -> found.add(record.offset() + ": " + record.value().length()));
        return found;
    }

    private List<String> acks() throws Exception {
        String topic = topic(1);
        List<String> found = new ArrayList<>();
        for (String acks : List.of("all", "1", "0")) {
            try (KafkaProducer<String, String> producer = producer("acks", acks, "enable.idempotence", false)) {
                found.add(acks + " " + producer.send(new ProducerRecord<>(topic, 0, null, acks)).get().offset());
            }
        }
        found.add(values(readTo(topic, 0, 2, Map.of())));
        return found;
    }

    private List<String> idempotence() throws Exception {
        String topic = topic(2);
        try (KafkaProducer<String, String> producer = producer("batch.size", 200, "linger.ms", 0)) {
            for (int n = 0; n < 400; n++) {
                producer.send(new ProducerRecord<>(topic, n % 2, null, "" + n));
            }
        }
        List<String> found = new ArrayList<>();
        for (int partition = 0; partition < 2; partition++) {
            found.add(values(readTo(topic, partition, 199, Map.of())));
            TopicPartition place = new TopicPartition(topic, partition);
            admin.describeProducers(List.of(place)).partitionResult(place).get().activeProducers().forEach(producer ->
                found.add("epoch " + producer.producerEpoch() + " sequence " + producer.lastSequence()));
        }
        return found;
    }

    private List<String> timestamps() throws Exception {
        String stamped = topic(1, "message.timestamp.type", "LogAppendTime");
        String narrow = topic(1, "message.timestamp.before.max.ms", "" + HOUR_MS, "message.timestamp.after.max.ms", "" + HOUR_MS);
        long now = System.currentTimeMillis();
        List<String> found = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer()) {
            long told = producer.send(new ProducerRecord<>(stamped, 0, now - HOUR_MS, null, "v")).get().timestamp();
            ConsumerRecord<String, String> read = readTo(stamped, 0, 0, Map.of()).get(0);
            found.add(read.timestampType() + ", as told: " + (read.timestamp() == told) + ", the broker's: " + (told >= now));
            for (long shift : List.of(-2 * HOUR_MS, 2 * HOUR_MS, 60_000L)) {
                found.add(code(() -> producer.send(new ProducerRecord<>(narrow, 0, now + shift, null, "v")).get()));
            }
        }
        return found;
    }

    private List<String> watermarks() throws Exception {
        String topic = topic(1);
        List<String> found = new ArrayList<>();
        TopicPartition place = new TopicPartition(topic, 0);
        try (Consumer<String, String> consumer = consumer(Map.of())) {
            for (int round = 0; round < 2; round++) {
                found.add(consumer.beginningOffsets(List.of(place)).get(place) + " to " + consumer.endOffsets(List.of(place)).get(place));
                fill(topic, 5);
                admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(2))).all().get();
            }
            consumer.assign(List.of(place));
            until(() -> !consumer.poll(STEP).isEmpty() && consumer.currentLag(place).isPresent(), "records");
            found.add("at " + consumer.position(place) + ", lag " + consumer.currentLag(place).getAsLong());
        }
        return found;
    }

    private List<String> unknownTopic() throws Exception {
        String topic = name("unknown");
        TopicPartition place = new TopicPartition(topic, 0);
        List<String> found = new ArrayList<>();
        found.add("describe: " + code(() -> admin.describeTopics(List.of(topic)).allTopicNames().get()));
        found.add("delete: " + code(() -> admin.deleteTopics(List.of(topic)).all().get()));
        found.add("configs: " + code(() -> admin.describeConfigs(List.of(topicResource(topic))).all().get()));
        found.add("alter: " + code(() -> alter(topicResource(topic), "retention.ms", "1", AlterConfigOp.OpType.SET)));
        found.add("partitions: " + code(() -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get()));
        found.add("elect: " + code(() -> admin.electLeaders(ElectionType.PREFERRED, Set.of(place)).all().get()));
        found.add("commit: " + code(() ->
            admin.alterConsumerGroupOffsets(name("group"), Map.of(place, new OffsetAndMetadata(1))).all().get()));
        try (Consumer<String, String> consumer = consumer(Map.of("allow.auto.create.topics", false, "default.api.timeout.ms", 1500))) {
            found.add("partitions for: " + consumer.partitionsFor(topic).size());
            consumer.assign(List.of(place));
            found.add("position: " + code(() -> consumer.position(place)));
        }
        found.add("made: " + admin.listTopics().names().get().contains(topic));
        return found;
    }

    private List<String> autoCreatedTopic() throws Exception {
        String topic = name("auto");
        fill(topic, 1);
        int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        return List.of(count + " partitions", values(readTo(topic, 0, 0, Map.of())));
    }

    private List<String> deleteRecords() throws Exception {
        String topic = topic(1);
        TopicPartition place = new TopicPartition(topic, 0);
        fill(topic, 10);
        List<String> found = new ArrayList<>();
        for (long before : List.of(4L, 2L, 11L, -1L)) {
            found.add(before + ": " + code(() -> admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(before))).all().get())
                + ", low " + offset(topic, 0, OffsetSpec.earliest()));
        }
        // Who stands before the start and isn't told where to begin, is refused.
        try (Consumer<String, String> consumer = consumer(Map.of("auto.offset.reset", "none"))) {
            consumer.assign(List.of(place));
            consumer.seek(place, 1);
            found.add(code(() -> {
                until(() -> !consumer.poll(STEP).isEmpty(), "an error");
                return null;
            }));
        }
        return found;
    }

    private List<String> smallFetches() throws Exception {
        String topic = topic(1);
        fill(topic, 30);
        return List.of("" + readTo(topic, 0, 29, Map.of("fetch.max.bytes", 1, "max.partition.fetch.bytes", 1)).size());
    }

    private List<String> patientFetches() throws Exception {
        String topic = topic(1);
        fill(topic, 1);
        return List.of(values(readTo(topic, 0, 0, Map.of("fetch.min.bytes", 1_000_000, "fetch.max.wait.ms", 600))));
    }

    private List<String> refusedTopics() {
        List<NewTopic> wrong = List.of(
            new NewTopic("not/a/name", 1, (short) 1),
            new NewTopic("..", 1, (short) 1),
            new NewTopic("x".repeat(250), 1, (short) 1),
            new NewTopic(name("t"), 0, (short) 1),
            new NewTopic(name("t"), 1, (short) 3),
            new NewTopic(name("t"), Map.of(0, List.of(7))),
            new NewTopic(name("t"), Map.of(1, List.of(1))),
            new NewTopic(name("t"), 1, (short) 1).configs(Map.of("no.such.config", "1")),
            new NewTopic(name("t"), 1, (short) 1).configs(Map.of("retention.ms", "soon")),
            new NewTopic(name("t"), 1, (short) 1).configs(Map.of("segment.bytes", "1")));
        List<String> found = new ArrayList<>();
        wrong.forEach(each -> found.add(code(() -> admin.createTopics(List.of(each)).all().get())));
        return found;
    }

    private List<String> partitions() throws Exception {
        String topic = topic(2);
        List<String> found = new ArrayList<>();
        for (int count : List.of(4, 4, 1)) {
            found.add(count + ": " + code(() -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(count))).all().get()));
            Thread.sleep(SETTLE_MS);
        }
        found.add("assigned: " + code(() ->
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5, List.of(List.of(7))))).all().get()));
        found.add("" + admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
        return found;
    }

    private List<String> describedTopic() throws Exception {
        return List.of(entry(topicResource(topic(1)), "min.insync.replicas"));
    }

    private List<String> topicConfigs() throws Exception {
        ConfigResource topic = topicResource(topic(1));
        List<String> found = new ArrayList<>();
        found.add(code(() -> alter(topic, "retention.ms", "7654321", AlterConfigOp.OpType.SET)));
        found.add(code(() -> alter(topic, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND)));
        found.add(code(() -> alter(topic, "retention.ms", "soon", AlterConfigOp.OpType.SET)));
        found.add(code(() -> alter(topic, "retention.ms", "1", AlterConfigOp.OpType.APPEND)));
        found.add(code(() -> alter(topic, "no.such.config", "1", AlterConfigOp.OpType.SET)));
        Thread.sleep(SETTLE_MS);
        found.add(entry(topic, "retention.ms"));
        found.add(entry(topic, "cleanup.policy"));
        found.add(code(() -> alter(topic, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT)));
        found.add(code(() -> alter(topic, "retention.ms", "", AlterConfigOp.OpType.DELETE)));
        Thread.sleep(SETTLE_MS);
        found.add(entry(topic, "retention.ms"));
        found.add(entry(topic, "cleanup.policy"));
        return found;
    }

    private List<String> brokerConfigs() throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        String setting = "log.cleaner.min.compaction.lag.ms";
        List<String> found = new ArrayList<>();
        found.add(entry(broker, setting));
        found.add(code(() -> alter(all, setting, "11", AlterConfigOp.OpType.SET)));
        found.add(code(() -> alter(broker, setting, "12", AlterConfigOp.OpType.SET)));
        found.add(code(() -> alter(broker, setting, "soon", AlterConfigOp.OpType.SET)));
        found.add(code(() -> alter(broker, "node.id", "7", AlterConfigOp.OpType.SET)));
        Thread.sleep(SETTLE_MS);
        found.add(entry(broker, setting));
        found.add(code(() -> alter(broker, setting, "", AlterConfigOp.OpType.DELETE)));
        Thread.sleep(SETTLE_MS);
        found.add(entry(broker, setting));
        found.add(code(() -> alter(all, setting, "", AlterConfigOp.OpType.DELETE)));
        Thread.sleep(SETTLE_MS);
        found.add(entry(broker, setting));
        return found;
    }

    private List<String> unknownBrokerSetting() throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        List<String> found = List.of(code(() -> alter(broker, "no.such.config", "1", AlterConfigOp.OpType.SET)));
        code(() -> alter(broker, "no.such.config", "", AlterConfigOp.OpType.DELETE));
        return found;
    }

    private List<String> features() throws Exception {
        List<String> found = new ArrayList<>();
        Map<String, FinalizedVersionRange> all = new TreeMap<>(admin.describeFeatures().featureMetadata().get().finalizedFeatures());
        all.forEach((name, range) -> found.add(name + " " + range.maxVersionLevel()));
        return found;
    }

    private List<String> featureLevels() {
        List<String> found = new ArrayList<>();
        for (short level : new short[] {1, 9}) {
            FeatureUpdate update = new FeatureUpdate(level, FeatureUpdate.UpgradeType.UPGRADE);
            found.add(code(() -> admin.updateFeatures(Map.of("group.version", update),
                new UpdateFeaturesOptions().validateOnly(true)).all().get()));
        }
        FeatureUpdate down = new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
        found.add(code(() -> admin.updateFeatures(Map.of("transaction.version", down),
            new UpdateFeaturesOptions().validateOnly(true)).all().get()));
        return found;
    }

    private List<String> quorum() throws Exception {
        QuorumInfo found = admin.describeMetadataQuorum().quorumInfo().get();
        return List.of("leader " + found.leaderId() + ", voters " + found.voters().size() + ", observers " + found.observers().size(),
            "nodes " + found.nodes().keySet() + ", behind " + (found.highWatermark() - found.voters().get(0).logEndOffset()));
    }

    private List<String> unregister() {
        return List.of(code(() -> admin.unregisterBroker(7).all().get()));
    }

    private List<String> singleNode() throws Exception {
        TopicPartition place = new TopicPartition(topic(1), 0);
        List<String> found = new ArrayList<>();
        for (ElectionType type : ElectionType.values()) {
            found.add(type + ": " + code(() -> {
                Optional<Throwable> problem = admin.electLeaders(type, Set.of(place)).partitions().get().get(place);
                if (problem.isPresent()) {
                    throw (Exception) problem.get();
                }
                return null;
            }));
        }
        for (int node : List.of(1, 5)) {
            NewPartitionReassignment wanted = new NewPartitionReassignment(List.of(node));
            found.add(node + ": " + code(() -> admin.alterPartitionReassignments(Map.of(place, Optional.of(wanted))).all().get()));
        }
        found.add("cancel: " + code(() -> admin.alterPartitionReassignments(Map.of(place, Optional.empty())).all().get()));
        found.add(admin.listPartitionReassignments(Set.of(place)).reassignments().get().size() + " under way");
        return found;
    }

    private List<String> logDirs() throws Exception {
        String topic = topic(2);
        try (KafkaProducer<String, String> producer = producer()) {
            producer.send(new ProducerRecord<>(topic, 0, null, "v")).get();
        }
        Map<Integer, String> found = new TreeMap<>();
        admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().forEach(folder ->
            folder.replicaInfos().forEach((TopicPartition place, ReplicaInfo replica) -> {
                if (place.topic().equals(topic)) {
                    found.put(place.partition(), replica.size() + " bytes, lag " + replica.offsetLag() + " " + replica.isFuture());
                }
            }));
        return List.of(found.toString());
    }

    private List<String> committedOffsets() throws Exception {
        String topic = topic(1);
        TopicPartition place = new TopicPartition(topic, 0);
        List<String> found = new ArrayList<>();
        try (Consumer<String, String> consumer = consumer(Map.of("group.id", name("group")))) {
            consumer.assign(List.of(place));
            found.add("" + consumer.committed(Set.of(place)));
            consumer.commitSync(Map.of(place, new OffsetAndMetadata(42, Optional.of(0), "a note")));
            OffsetAndMetadata told = consumer.committed(Set.of(place)).get(place);
            found.add(told.offset() + " " + told.leaderEpoch() + " " + told.metadata());
            found.add(code(() -> {
                consumer.commitSync(Map.of(place, new OffsetAndMetadata(1, "x".repeat(4097))));
                return null;
            }));
        }
        return found.stream().map(line -> line.replace(topic, "topic")).toList();
    }

    private List<String> resetOffsets() throws Exception {
        String topic = topic(1);
        String group = name("group");
        TopicPartition place = new TopicPartition(topic, 0);
        Map<TopicPartition, OffsetAndMetadata> wanted = Map.of(place, new OffsetAndMetadata(7));
        List<String> found = new ArrayList<>();
        found.add(code(() -> admin.alterConsumerGroupOffsets(group, wanted).all().get()));
        found.add("" + admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(place).offset());
        try (Consumer<String, String> consumer = consumer(Map.of("group.id", group))) {
            consumer.subscribe(List.of(topic));
            until(() -> {
                consumer.poll(STEP);
                return consumer.assignment().size() == 1;
            }, "an assignment");
            found.add("with a member: " + code(() -> admin.alterConsumerGroupOffsets(group, wanted).all().get()));
        }
        return found;
    }

    private List<String> deleteOffsets() throws Exception {
        String topic = topic(2);
        String group = name("group");
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        List<String> found = new ArrayList<>();
        found.add("unknown group: " + code(() -> admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get()));
        admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(1), second, new OffsetAndMetadata(2))).all().get();
        found.add(code(() -> admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get()));
        found.add(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size() + " left");
        found.add("unknown topic: "
            + code(() -> admin.deleteConsumerGroupOffsets(group, Set.of(new TopicPartition(name("t"), 0))).all().get()));
        try (Consumer<String, String> consumer = consumer(Map.of("group.id", group))) {
            consumer.subscribe(List.of(topic));
            until(() -> {
                consumer.poll(STEP);
                return consumer.assignment().size() == 2;
            }, "an assignment");
            found.add("with a member: " + code(() -> admin.deleteConsumerGroupOffsets(group, Set.of(second)).all().get()));
        }
        return found;
    }

    private List<String> openTransaction() throws Exception {
        String topic = topic(1);
        fill(topic, 1);
        List<String> found = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer("transactional.id", name("id"))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "open")).get();
            fill(topic, 1);
            found.add("everything: " + values(readTo(topic, 0, 2, Map.of())));
            found.add("committed: " + values(readTo(topic, 0, 0, Map.of("isolation.level", "read_committed"))));
            producer.abortTransaction();
        }
        found.add("at last: " + values(readTo(topic, 0, 2, Map.of("isolation.level", "read_committed"))));
        return found;
    }

    // What the scenarios share.

    private String name(String what) {
        return what + "-java-" + ProcessHandle.current().pid() + "-" + names.incrementAndGet();
    }

    private String topic(int partitions, String... settings) throws Exception {
        Map<String, String> configs = new HashMap<>();
        for (int i = 0; i < settings.length; i += 2) {
            configs.put(settings[i], settings[i + 1]);
        }
        String topic = name("topic");
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
        until(() -> code(() -> offset(topic, partitions - 1, OffsetSpec.latest())).equals("ok"), "the topic's leaders");
        Thread.sleep(SETTLE_MS);
        return topic;
    }

    private static ConfigResource topicResource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private Object alter(ConfigResource resource, String name, String value, AlterConfigOp.OpType type) throws Exception {
        Collection<AlterConfigOp> changes = List.of(new AlterConfigOp(new ConfigEntry(name, value), type));
        return admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    private String entry(ConfigResource resource, String name) throws Exception {
        ConfigEntry found = admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name);
        return name + "=" + found.value() + " " + found.source() + (found.isReadOnly() ? " read-only" : "") + " " + found.type();
    }

    private long offset(String topic, int partition, OffsetSpec which) throws Exception {
        TopicPartition place = new TopicPartition(topic, partition);
        ListOffsetsResultInfo found = admin.listOffsets(Map.of(place, which)).partitionResult(place).get();
        return found.offset();
    }

    private void fill(String topic, int count) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            for (int n = 0; n < count; n++) {
                producer.send(new ProducerRecord<>(topic, 0, null, "value " + n)).get();
            }
        }
    }

    /** What lies in the partition up to an offset. */
    private List<ConsumerRecord<String, String>> readTo(String topic, int partition, long last, Map<String, Object> settings)
            throws Exception {
        TopicPartition place = new TopicPartition(topic, partition);
        List<ConsumerRecord<String, String>> found = new ArrayList<>();
        try (Consumer<String, String> consumer = consumer(settings)) {
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            until(() -> {
                consumer.poll(STEP).forEach(found::add);
                return !found.isEmpty() && found.get(found.size() - 1).offset() >= last;
            }, "offset " + last);
        }
        return found;
    }

    private static String values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList().toString();
    }

    private KafkaProducer<String, String> producer(Object... settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        for (int i = 0; i < settings.length; i += 2) {
            all.put((String) settings[i], settings[i + 1]);
        }
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private Consumer<String, String> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "session.timeout.ms", 6_000, "heartbeat.interval.ms", 200, "fetch.max.wait.ms", 50));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    /** The name of the error that a call ends with. */
    private static String code(Call call) {
        try {
            call.run();
            return "ok";
        } catch (ExecutionException error) {
            return error.getCause().getClass().getSimpleName();
        } catch (Exception error) {
            return error.getClass().getSimpleName();
        }
    }

    private static void until(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        while (!condition.call()) {
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("timed out waiting for " + what);
            }
            Thread.sleep(5);
        }
    }
}
