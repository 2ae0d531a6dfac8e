# The variables above come from the parameters of the stack.
work=${WORK:-/var/lib/pupila} # another one in tests alone
exec > >(tee -a "$work.log") 2>&1
mkdir -p "$work/weights"
outcome="failed before the training"

metadata() { # of this instance, with a token as IMDSv2 wants it
  local token
  token=$(curl -sf -m 5 -X PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 60")
  curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

# The last net, which asks nobody: whatever hangs, the machine does not run for days.
(sleep $((HOURS * 3600 + 1800)); shutdown -h now) &

# Ends the training for good: the group starts no other instance, the log is stored, a mail is sent.
stop() {
  trap - EXIT
  if [ -e "$work.interrupted" ] && [[ "$1" == failed* ]]; then return; fi # the next instance resumes it
  sleep 1 # tee writes the last lines
  local stopped="" subject="Pupila training $RUN: $1"
  for wait in 0 10 60; do
    sleep "$wait"
    if limited autoscaling set-desired-capacity --auto-scaling-group-name "$GROUP" --desired-capacity 0; then
      stopped=yes
      break
    fi
  done
  # Where the group would start another instance, the time limit goes on.
  [ -z "$stopped" ] || limited s3 rm "$RUNS/$RUN.begin" || true
  limited s3 cp "$work.log" "$RUNS/$RUN.log" || true
  limited sns publish --topic-arn "$TOPIC" --subject "${subject:0:99}" \
    --message "$(tail -n 40 "$work.log")" || true
  shutdown -h now
}
limited() { # a call that hangs must not keep the machine
  timeout 60 aws "$@"
}
trap 'stop "$outcome"' EXIT

# The time limit counts from the first instance of the run, and does not begin again with the next one.
code=0
listed=$(limited s3 ls "$RUNS/$RUN.begin") || code=$?
[ "$code" -le 1 ] || { outcome="failed: the time limit of the run can't be read"; exit 1; } # 1: no such object
if [ -n "$listed" ]; then
  begin=$(limited s3 cp "$RUNS/$RUN.begin" -)
else
  begin=$(date +%s)
  echo "$begin" | limited s3 cp - "$RUNS/$RUN.begin"
fi
left=$((begin + HOURS * 3600 - $(date +%s)))
[ "$left" -gt 0 ] || { outcome="failed: longer than $HOURS hours"; exit 1; }
(sleep $((left + 900)); stop "failed: longer than $HOURS hours, and it did not end") & # whatever hangs below

command -v docker || dnf install -y docker
systemctl enable --now docker
aws ecr get-login-password | docker login --username AWS --password-stdin "${IMAGE%%/*}"
docker pull "$IMAGE"
aws s3 sync "$WEIGHTS" "$work/weights" # pretrained encoders: nothing is downloaded from a hub
chown -R 10001:10001 "$work"

pupila() { # in a container on a read-only root, with the credentials of the role
  # shellcheck disable=SC2086
  timeout -k 120 "$left" docker run --rm --name "pupila-$1" --network host --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --user 10001:10001 --volume "$work:$work" \
    --env AWS_DEFAULT_REGION --env HOME=/tmp --env PUPILA_CACHE="$work/cache" --env PUPILA_WEIGHTS="$work/weights" \
    --env PUPILA_REGISTRY="$REGISTRY" --env HF_HUB_OFFLINE=1 --log-driver awslogs --log-opt awslogs-group="$LOGS" \
    --log-opt awslogs-stream="$RUN" $GPU "$IMAGE" "$@"
}

# Two minutes before EC2 takes a spot instance back: what was trained is copied, and the next instance resumes it.
watch_spot() {
  until metadata spot/instance-action; do sleep 5; done
  echo "spot interruption"
  touch "$work.interrupted"
  docker kill --signal TERM pupila-train
}
watch_spot &

outcome="failed while training"
code=0
# shellcheck disable=SC2086
pupila train "$DATA" --out "$work/$RUN" --mirror "$RUNS/$RUN" $ARGUMENTS || code=$?
[ "$code" -ne 124 ] || outcome="failed: longer than $HOURS hours"
[ "$code" -eq 0 ] || exit "$code"

outcome="failed while evaluating or registering"
report="with its evaluation on the test split"
pupila evaluate "$work/$RUN" "$DATA" --split test || report="without an evaluation on the test split, see the log"
pupila registry add "$work/$RUN" --name "$MODEL"
outcome="registered as $MODEL, $report"
