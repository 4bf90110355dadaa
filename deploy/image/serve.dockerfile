# The server: `docker build -f deploy/image/serve.dockerfile -t souffleur .` from the repository's folder. It runs as a user
# without rights and writes no file: `docker run --read-only --cap-drop ALL -p 8080:8080 souffleur`.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-progress
COPY . .
RUN npm run build && npm prune --omit=dev --no-progress

FROM node:20-bookworm-slim
ENV NODE_ENV=production SOUFFLEUR_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/server/page ./server/page
COPY --from=build /app/models/en-de ./models/en-de
COPY --from=build /app/models/en-fr ./models/en-fr
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SOUFFLEUR_PORT ?? 8080}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
