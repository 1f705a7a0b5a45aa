import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataProvenance;
import org.apache.kafka.metadata.MetadataRecordSerde;

/**
 * Replays segments of __cluster_metadata as a broker of Apache Kafka does, batch after batch, and prints what it then
 * knows of the cluster, as JSON.
 */
public class MetadataImage {
    public static void main(String[] files) throws Exception {
        MetadataRecordSerde serde = new MetadataRecordSerde();
        org.apache.kafka.image.MetadataImage image = org.apache.kafka.image.MetadataImage.EMPTY;
        for (String file : files) {
            try (FileRecords records = FileRecords.open(new File(file), false)) {
                for (RecordBatch batch : records.batches()) {
                    MetadataDelta delta = new MetadataDelta.Builder().setImage(image).build();
                    for (Record record : batch) {
                        delta.replay(serde.read(new ByteBufferAccessor(record.value()), record.valueSize()).message());
                    }
                    image = delta.apply(new MetadataProvenance(
                        batch.lastOffset(), batch.partitionLeaderEpoch(), batch.maxTimestamp(), true));
                }
            }
        }
        Map<String, Object> topics = new TreeMap<>();
        image.topics().topicsByName().forEach((name, topic) ->
            topics.put(name, Map.of("id", topic.id().toString(), "partitions", topic.partitions().size())));
        Map<String, Object> configs = new TreeMap<>();
        image.configs().resourceData().forEach((resource, config) ->
            configs.put(resource.type() + " " + resource.name(), config.toMap()));
        System.out.println(new ObjectMapper().writeValueAsString(Map.of(
            "topics", topics,
            "configs", configs,
            "features", image.features().finalizedVersions(),
            "next_producer_id", image.producerIds().nextProducerId())));
    }
}
